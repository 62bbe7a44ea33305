// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// Blank zeroes the bytes of a batch in src that mean nothing: those between its
// buffers, and those under its nulls. A writer leaves there what its memory held,
// which may be of another table; whoever hands memory on to a third party calls it,
// after Get has accepted the memory and before anybody else reads it. Nothing is
// zeroed under nulls when buffers overlap: what one column leaves out another has.
func (l *Layout) Blank(src []byte) {
	nodes := make([]blankNode, 0, l.nodes)
	at := 0
	for i := range l.columns {
		n := &l.columns[i]
		e := readEntry(src[at:])
		if e.kind == kindOwn {
			nodes = append(nodes, blankNode{node: n, entry: e})
			if n.nested() {
				nodes[len(nodes)-1].child = readEntry(src[at+entryBytes:])
			}
		}
		at += entryBytes * n.nodes()
	}
	if overlap := blankGaps(src, l.HeaderBytes(), nodes); overlap {
		return
	}
	for i := range nodes {
		nodes[i].blank(src)
	}
}

// blankNode is a column with buffers of its own.
type blankNode struct {
	*node
	entry, child entry
}

// blankGaps zeroes what no buffer uses, and tells whether two buffers share bytes.
func blankGaps(src []byte, header int, nodes []blankNode) (overlap bool) {
	var spans []span
	for _, n := range nodes {
		for _, e := range [...]entry{n.entry, n.child} {
			for _, s := range [...]span{e.validity, e.values, e.offsets} {
				if s.length > 0 {
					spans = append(spans, s)
				}
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return int(int64(a.at) - int64(b.at)) })
	end := uint64(header)
	for _, s := range spans {
		if s.at > end {
			clear(src[end:s.at])
		}
		overlap = overlap || s.at < end
		end = max(end, s.at+s.length)
	}
	clear(src[end:])
	return overlap
}

// of are the bytes of a span. Where one without any begins was not checked.
func (s span) of(src []byte) []byte {
	if s.length == 0 {
		return nil
	}
	return src[s.at : s.at+s.length]
}

// blank zeroes what stands under the nulls of a column.
func (n *blankNode) blank(src []byte) {
	n.leaf.blank(src, &n.entry)
	if n.form == formArray || n.form == formList {
		offsets := n.entry.offsets.of(src)
		nullRuns(n.entry.validity.of(src), int(n.entry.rows), func(from, to int) {
			if n.form == formList {
				from, to = offsetAt(offsets, from), offsetAt(offsets, to)
			} else {
				from, to = from*n.size, to*n.size
			}
			n.values().blankRows(src, &n.child, from, to)
		})
	}
	if n.nested() && n.form != formKeys {
		n.values().blank(src, &n.child)
	}
}

// values is the type of the column's values.
func (n *blankNode) values() *leaf { return &n.node.child }

// blank zeroes what stands under the nulls of one node.
func (l *leaf) blank(src []byte, e *entry) {
	if l.form == formFixed && l.width == 8 {
		blankWords(e.values.of(src), e.validity.of(src), int(e.rows))
		return
	}
	nullRuns(e.validity.of(src), int(e.rows), func(from, to int) { l.blankRows(src, e, from, to) })
}

// blankRows zeroes the values of some rows of a node.
func (l *leaf) blankRows(src []byte, e *entry, from, to int) {
	values := e.values.of(src)
	switch l.form {
	case formFixed, formKeys:
		clear(values[from*l.width : to*l.width])
	case formBits:
		bitutil.SetBitsTo(values, int64(from), int64(to-from), false)
	case formText, formBytes:
		if offsets := e.offsets.of(src); to > from {
			clear(values[offsetAt(offsets, from):offsetAt(offsets, to)])
		}
	}
}

func offsetAt(offsets []byte, i int) int { return int(binary.LittleEndian.Uint32(offsets[4*i:])) }

// blankWords is what most columns of numbers need: scattered values of 8 bytes.
func blankWords(values, validity []byte, n int) {
	for at := 0; at < len(validity) && 8*at < n; at += 8 {
		nulls := ^validWord(validity[at:])
		if left := n - 8*at; left < 64 {
			nulls &= 1<<left - 1
		}
		for ; nulls != 0; nulls &= nulls - 1 {
			i := 8*at + bits.TrailingZeros64(nulls)
			binary.LittleEndian.PutUint64(values[8*i:], 0)
		}
	}
}

// nullRuns calls f for each run of the n rows whose bits are 0.
func nullRuns(validity []byte, n int, f func(from, to int)) {
	begin := -1
	for at := 0; at < len(validity) && 8*at < n; at += 8 {
		nulls := ^validWord(validity[at:])
		if left := n - 8*at; left < 64 {
			nulls &= 1<<left - 1
		}
		for bit := 0; ; {
			if begin >= 0 {
				if bit += bits.TrailingZeros64(^(nulls >> bit)); bit == 64 {
					break
				}
				f(begin, 8*at+bit)
				begin = -1
			}
			if nulls>>bit == 0 {
				break
			}
			bit += bits.TrailingZeros64(nulls >> bit)
			begin = 8*at + bit
		}
	}
	if begin >= 0 {
		f(begin, n)
	}
}

// validWord is the next 64 bits; those behind the end are 1.
func validWord(validity []byte) uint64 {
	if len(validity) >= 8 {
		return binary.LittleEndian.Uint64(validity)
	}
	var word [8]byte
	for i := copy(word[:], validity); i < len(word); i++ {
		word[i] = 0xff
	}
	return binary.LittleEndian.Uint64(word[:])
}
