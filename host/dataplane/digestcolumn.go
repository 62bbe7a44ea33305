// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// add hashes rows from to to of a column; of a list's values these are the
// ones of a few rows.
func (d *columnDigest) add(c *pluginv1.ColumnBuffers, from, to int) {
	nulls := d.addNulls(c.GetValidity(), from, to)
	switch d.kind {
	case pluginv1.TableColumn_TYPE_BOOL:
		d.bools(c, from, to)
	case pluginv1.TableColumn_TYPE_STRING, pluginv1.TableColumn_TYPE_BINARY:
		d.texts(c, from, to)
	case pluginv1.TableColumn_TYPE_DICTIONARY:
		d.keys(c, from, to)
	case pluginv1.TableColumn_TYPE_LIST:
		d.lists(c, from, to)
	case pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST:
		d.arrays(c, from, to)
	default:
		d.numbers(c, from, to, nulls)
	}
	d.rows += uint64(to - from)
}

// write hashes what was gathered in scratch, which is kept for the next time.
func (d *columnDigest) write(to hash.Hash, gathered []byte) {
	to.Write(gathered)
	*d.scratch = gathered[:0]
}

// addNulls hashes the numbers of nulls and tells whether there are any.
func (d *columnDigest) addNulls(validity []byte, from, to int) bool {
	if len(validity) == 0 {
		return false
	}
	out := (*d.scratch)[:0]
	for row := from; row < to; row++ {
		if row%8 == 0 && row+8 <= to && validity[row/8] == 0xff {
			row += 7
			continue
		}
		if !bit(validity, row) {
			out = binary.LittleEndian.AppendUint64(out, d.rows+uint64(row-from))
		}
	}
	d.write(d.nulls, out)
	return len(out) > 0
}

// numbers hashes the bytes of each row, zeros for nulls: what stands under a
// null is an accident.
func (d *columnDigest) numbers(c *pluginv1.ColumnBuffers, from, to int, nulls bool) {
	values := c.GetValues()[d.width*from : d.width*to]
	if !nulls {
		d.values.Write(values)
		return
	}
	out := (*d.scratch)[:0]
	out = append(out, values...)
	for row := from; row < to; row++ {
		if !bit(c.GetValidity(), row) {
			at := d.width * (row - from)
			clear(out[at : at+d.width])
		}
	}
	d.write(d.values, out)
}

// bools hashes a byte a row, so that it does not matter where a batch ends.
func (d *columnDigest) bools(c *pluginv1.ColumnBuffers, from, to int) {
	out := (*d.scratch)[:0]
	for row := from; row < to; row++ {
		value := byte(0)
		if valid(c.GetValidity(), row) && bit(c.GetValues(), row) {
			value = 1
		}
		out = append(out, value)
	}
	d.write(d.values, out)
}

// texts hashes the lengths of texts, and the texts one after the other; a null
// has length 0.
func (d *columnDigest) texts(c *pluginv1.ColumnBuffers, from, to int) {
	d.runs(c, from, to, func(start, end uint32) { d.values.Write(c.GetValues()[start:end]) })
}

// lists hashes the lengths of lists, and their values one after the other.
func (d *columnDigest) lists(c *pluginv1.ColumnBuffers, from, to int) {
	d.runs(c, from, to, func(start, end uint32) {
		if start < end {
			d.child.add(c.GetChild(), int(start), int(end))
		}
	})
}

// runs hashes the lengths of rows, and passes on what they point to, without
// what nulls point to, in as few pieces as possible.
func (d *columnDigest) runs(c *pluginv1.ColumnBuffers, from, to int, pass func(start, end uint32)) {
	if from == to {
		return
	}
	out, offsets := (*d.scratch)[:0], c.GetOffsets()
	for row := from; row < to; row++ {
		length := offset(offsets, row+1) - offset(offsets, row)
		if !valid(c.GetValidity(), row) {
			length = 0
		}
		out = binary.LittleEndian.AppendUint32(out, length)
	}
	d.write(d.lengths, out)
	first := offset(offsets, from) // from here on nothing is hashed yet
	for row := from; row < to && len(c.GetValidity()) > 0; row++ {
		if start, end := offset(offsets, row), offset(offsets, row+1); start < end && !bit(c.GetValidity(), row) {
			pass(first, start)
			first = end
		}
	}
	pass(first, offset(offsets, to))
}

// arrays hashes the values of lists of one size, without those of nulls.
func (d *columnDigest) arrays(c *pluginv1.ColumnBuffers, from, to int) {
	first := from
	for row := from; row < to; row++ {
		if !valid(c.GetValidity(), row) {
			d.items(c, first, row)
			first = row + 1
		}
	}
	d.items(c, first, to)
}

// items hashes the values of rows that are not null.
func (d *columnDigest) items(c *pluginv1.ColumnBuffers, from, to int) {
	if from < to {
		d.child.add(c.GetChild(), d.size*from, d.size*to)
	}
}

// keys hashes the hash of each row's text, each of which is made once: rows may
// name a long text often.
func (d *columnDigest) keys(c *pluginv1.ColumnBuffers, from, to int) {
	var none [sha256.Size]byte
	texts := c.GetChild()
	clear(d.known)
	out := (*d.scratch)[:0]
	for row := from; row < to; row++ {
		if !valid(c.GetValidity(), row) {
			out = append(out, none[:]...)
			continue
		}
		key := offset(c.GetValues(), row)
		sum, ok := d.known[key]
		if !ok {
			sum = sha256.Sum256(texts.GetValues()[offset(texts.GetOffsets(), int(key)):offset(texts.GetOffsets(), int(key)+1)])
			d.known[key] = sum
		}
		out = append(out, sum[:]...)
	}
	d.write(d.values, out)
}

// offset is number i of uint32s.
func offset(offsets []byte, i int) uint32 { return binary.LittleEndian.Uint32(offsets[4*i:]) }

// valid reads a bitmap that may be left out when nothing is null.
func valid(validity []byte, row int) bool { return len(validity) == 0 || bit(validity, row) }

func bit(bitmap []byte, row int) bool { return bitmap[row/8]>>(row%8)&1 == 1 }
