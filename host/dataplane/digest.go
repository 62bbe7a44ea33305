// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// digestForm is what a digest of rows begins with, and its version.
const digestForm = "bulkhead rows 1\n"

// DigestBytes is the digest of bytes as it stands in an Account: "sha256:" and
// 64 lower-case hexadecimal digits.
func DigestBytes(data []byte) string {
	sum := sha256.Sum256(data)
	return digestText(sum[:])
}

func digestText(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

// rowDigest hashes rows as the package doc says, batch by batch. It reads the
// buffers that travel, which must have been checked.
type rowDigest struct {
	schema  *pluginv1.TableSchema
	columns []columnDigest
	rows    uint64
	scratch []byte
}

// columnDigest hashes one column.
type columnDigest struct {
	kind                   pluginv1.TableColumn_Type
	nulls, lengths, values hash.Hash
}

func newRowDigest(schema *pluginv1.TableSchema) *rowDigest {
	d := &rowDigest{schema: schema, columns: make([]columnDigest, len(schema.GetColumns()))}
	for i, c := range schema.GetColumns() {
		d.columns[i] = columnDigest{kind: c.GetType(), nulls: sha256.New(), values: sha256.New()}
		if c.GetType() == pluginv1.TableColumn_TYPE_STRING {
			d.columns[i].lengths = sha256.New()
		}
	}
	return d
}

// add takes the next rows. They have the columns of the schema.
func (d *rowDigest) add(b *pluginv1.Batch) {
	n := int(b.GetRows())
	if n == 0 {
		return
	}
	for i, c := range b.GetColumns() {
		d.column(&d.columns[i], n, c)
	}
	d.rows += uint64(n)
}

func (d *rowDigest) column(to *columnDigest, n int, c *pluginv1.ColumnBuffers) {
	nulls := d.nulls(to.nulls, n, c.GetValidity())
	switch to.kind {
	case pluginv1.TableColumn_TYPE_BOOL:
		d.bools(to.values, n, c)
	case pluginv1.TableColumn_TYPE_STRING:
		d.texts(to, n, c)
	default:
		d.numbers(to.values, nulls, c)
	}
}

// nulls hashes the row numbers of nulls and tells whether there are any.
func (d *rowDigest) nulls(to hash.Hash, n int, validity []byte) bool {
	d.scratch = d.scratch[:0]
	for i, b := range validity {
		if b == 0xff {
			continue
		}
		for row := 8 * i; row < min(n, 8*i+8); row++ {
			if !bit(validity, row) {
				d.scratch = binary.LittleEndian.AppendUint64(d.scratch, d.rows+uint64(row))
			}
		}
	}
	to.Write(d.scratch)
	return len(d.scratch) > 0
}

// numbers hashes 8 bytes a row, zeros for nulls: what stands under a null is
// an accident.
func (d *rowDigest) numbers(to hash.Hash, nulls bool, c *pluginv1.ColumnBuffers) {
	values := c.GetValues()
	if nulls {
		d.scratch = append(d.scratch[:0], values...)
		values = d.scratch
		for row := range len(values) / 8 {
			if !valid(c.GetValidity(), row) {
				clear(values[8*row : 8*row+8])
			}
		}
	}
	to.Write(values)
}

// bools hashes a byte a row, so that it does not matter where a batch ends.
func (d *rowDigest) bools(to hash.Hash, n int, c *pluginv1.ColumnBuffers) {
	d.scratch = d.scratch[:0]
	for row := range n {
		value := byte(0)
		if valid(c.GetValidity(), row) && bit(c.GetValues(), row) {
			value = 1
		}
		d.scratch = append(d.scratch, value)
	}
	to.Write(d.scratch)
}

// texts hashes the lengths of texts, and the texts one after the other; a null
// has length 0.
func (d *rowDigest) texts(to *columnDigest, n int, c *pluginv1.ColumnBuffers) {
	d.scratch = d.scratch[:0]
	text, offsets := c.GetValues(), c.GetOffsets()
	from := uint32(0) // the text from here on is not hashed yet
	for row := range n {
		start, end := binary.LittleEndian.Uint32(offsets[4*row:]), binary.LittleEndian.Uint32(offsets[4*row+4:])
		length := end - start
		if !valid(c.GetValidity(), row) && length > 0 {
			to.values.Write(text[from:start])
			length, from = 0, end
		}
		d.scratch = binary.LittleEndian.AppendUint32(d.scratch, length)
	}
	to.values.Write(text[from:])
	to.lengths.Write(d.scratch)
}

// valid reads a bitmap that may be left out when nothing is null.
func valid(validity []byte, row int) bool { return len(validity) == 0 || bit(validity, row) }

func bit(bitmap []byte, row int) bool { return bitmap[row/8]>>(row%8)&1 == 1 }

// sum is the digest of the schema and of all rows so far.
func (d *rowDigest) sum() string {
	out := binary.LittleEndian.AppendUint64([]byte(digestForm), d.rows)
	out = appendPairs(out, d.schema.GetMetadata())
	out = binary.LittleEndian.AppendUint64(out, uint64(len(d.columns)))
	for i, c := range d.schema.GetColumns() {
		out = appendText(out, c.GetName())
		out = binary.LittleEndian.AppendUint64(out, uint64(c.GetType()))
		out = appendPairs(out, c.GetMetadata())
		out = d.columns[i].append(out)
	}
	return DigestBytes(out)
}

func (c *columnDigest) append(out []byte) []byte {
	out = c.nulls.Sum(out)
	if c.lengths != nil {
		out = c.lengths.Sum(out)
	}
	return c.values.Sum(out)
}

// appendPairs writes metadata in the order of its keys.
func appendPairs(out []byte, pairs map[string]string) []byte {
	out = binary.LittleEndian.AppendUint64(out, uint64(len(pairs)))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		out = appendText(appendText(out, key), pairs[key])
	}
	return out
}

func appendText(out []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(out, uint64(len(s))), s...)
}
