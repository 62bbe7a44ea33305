// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"crypto/sha256"
	"hash"

	"github.com/apache/arrow-go/v18/arrow"
)

// pieceRows is how many rows are hashed at a time, so that what is put together
// for it stays in the cache.
const pieceRows = 4096

// pieceBytes is how much text is gathered before it is hashed, since hashing a
// few bytes takes as long as hashing many.
const pieceBytes = 16 << 10

// nodeDigest hashes one column, or the values of a list.
type nodeDigest struct {
	typ                    arrow.DataType
	nulls, lengths, values hash.Hash
	child                  *nodeDigest // of a list
	rows                   uint64
	scratch, texts         []byte
}

func newNodeDigest(t arrow.DataType) *nodeDigest {
	d := &nodeDigest{typ: t, nulls: sha256.New(), lengths: sha256.New(), values: sha256.New()}
	if l, ok := t.(arrow.ListLikeType); ok {
		d.child = newNodeDigest(l.Elem())
	}
	return d
}

// nodes is the number of entries that the column has in a batch.
func (d *nodeDigest) nodes() int {
	if d.child != nil || d.typ.ID() == arrow.DICTIONARY {
		return 2
	}
	return 1
}

// add takes the rows of a column whose first entry in the batch is at a byte,
// and returns where the next column's is.
func (d *nodeDigest) add(batch []byte, at, rows int) int {
	next := at + d.nodes()*nodeEntrySize
	self, child := nodeAt(batch, at), node{}
	if next > at+nodeEntrySize {
		child = nodeAt(batch, at+nodeEntrySize)
	}
	d.addRows(self, child, 0, rows)
	return next
}

// addRows takes n rows from one on.
func (d *nodeDigest) addRows(self, child node, from, n int) {
	for end := from + n; from < end; from += pieceRows {
		d.piece(self, child, from, min(pieceRows, end-from))
	}
}

func (d *nodeDigest) piece(self, child node, from, n int) {
	d.hashNulls(self, from, n)
	switch t := d.typ.(type) {
	case *arrow.BooleanType:
		d.hashBits(self, from, n)
	case *arrow.StringType, *arrow.BinaryType:
		d.hashTexts(self, from, n)
	case *arrow.DictionaryType:
		d.hashKeys(self, child, from, n)
	case *arrow.ListType:
		d.hashLists(self, child, from, n)
	case *arrow.FixedSizeListType:
		d.hashArrays(self, child, int(t.Len()), from, n)
	case arrow.FixedWidthDataType:
		d.hashNumbers(self, t.BitWidth()/8, from, n)
	}
	d.rows += uint64(n)
}

// hashNulls hashes the numbers of the rows that are null.
func (d *nodeDigest) hashNulls(b node, from, n int) {
	if len(b.validity) == 0 {
		return
	}
	d.scratch = d.scratch[:0]
	for i := range n {
		if !b.valid(from + i) {
			d.scratch = le.AppendUint64(d.scratch, d.rows+uint64(i))
		}
	}
	d.nulls.Write(d.scratch)
}

// hashNumbers hashes the bytes of numbers, zeros for nulls: what stands under a
// null is an accident.
func (d *nodeDigest) hashNumbers(b node, width, from, n int) {
	values := b.values[width*from : width*(from+n)]
	if len(b.validity) > 0 {
		d.scratch = append(d.scratch[:0], values...)
		values = d.scratch
		for i := range n {
			if !b.valid(from + i) {
				clear(values[width*i : width*(i+1)])
			}
		}
	}
	d.values.Write(values)
}

// hashBits hashes a byte a row, so that it does not matter where a batch ends.
func (d *nodeDigest) hashBits(b node, from, n int) {
	d.scratch = d.scratch[:0]
	for i := from; i < from+n; i++ {
		value := byte(0)
		if b.valid(i) && bit(b.values, i) {
			value = 1
		}
		d.scratch = append(d.scratch, value)
	}
	d.values.Write(d.scratch)
}

// hashTexts hashes the lengths of texts, and the texts one after the other.
func (d *nodeDigest) hashTexts(b node, from, n int) {
	d.spans(b, from, n, func(start, end int) { d.values.Write(b.values[start:end]) })
}

// hashKeys hashes the texts that keys stand for, which does not depend on the
// order of the dictionary.
func (d *nodeDigest) hashKeys(keys, texts node, from, n int) {
	d.scratch, d.texts = d.scratch[:0], d.texts[:0]
	for i := from; i < from+n; i++ {
		before := len(d.texts)
		if keys.valid(i) {
			start, end := texts.span(int(le.Uint32(keys.values[4*i:])))
			d.texts = append(d.texts, texts.values[start:end]...)
		}
		d.scratch = le.AppendUint32(d.scratch, uint32(len(d.texts)-before))
		if len(d.texts) > pieceBytes {
			d.values.Write(d.texts)
			d.texts = d.texts[:0]
		}
	}
	d.lengths.Write(d.scratch)
	d.values.Write(d.texts)
}

// hashLists hashes the lengths of lists, and their values as a column.
func (d *nodeDigest) hashLists(b, values node, from, n int) {
	d.spans(b, from, n, func(start, end int) { d.child.addRows(values, node{}, start, end-start) })
}

// hashArrays hashes the values of those lists that are not null as a column.
func (d *nodeDigest) hashArrays(b, values node, size, from, n int) {
	for i := from; i < from+n; {
		first := i
		for i < from+n && b.valid(i) {
			i++
		}
		d.child.addRows(values, node{}, size*first, size*(i-first))
		for i < from+n && !b.valid(i) {
			i++
		}
	}
}

// spans hashes the lengths that offsets tell, 0 for nulls, and calls values with
// all that the rows that are not null have, in as few pieces as can be.
func (d *nodeDigest) spans(b node, from, n int, values func(start, end int)) {
	d.scratch = d.scratch[:0]
	first, _ := b.span(from)
	last := first
	for i := from; i < from+n; i++ {
		start, end := b.span(i)
		if !b.valid(i) {
			values(first, start)
			first, start = end, end
		}
		d.scratch = le.AppendUint32(d.scratch, uint32(end-start))
		last = end
	}
	d.lengths.Write(d.scratch)
	values(first, last)
}

// append appends the hashes of a column.
func (d *nodeDigest) append(out []byte) []byte {
	for _, h := range []hash.Hash{d.nulls, d.lengths, d.values} {
		out = h.Sum(out)
	}
	if d.child != nil {
		out = d.child.append(le.AppendUint64(out, d.child.rows))
	}
	return out
}
