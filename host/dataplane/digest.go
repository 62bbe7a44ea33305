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

// The digest of rows, in full. The digests of int64, float64, bool and string
// columns are those of every version so far.
//
// A column has the hashes below, each of its rows from the first to the last:
//
//   - nulls, of every type: of each null its number, from 0, as a uint64;
//   - lengths, of string, binary and list: of each row the length in bytes, or
//     the number of values, as a uint32; 0 for a null;
//   - values, of all but lists: of each row the bytes of the number as Arrow has
//     them, zeros for a null; a byte 0 or 1 for a bool, 0 for a null; the bytes
//     of a string or binary, none for a null; for a dictionary the SHA-256 of
//     the text, 32 zeros for a null, so that neither the keys nor the order of
//     the dictionary matters;
//   - of list and fixed-size list: nulls, lengths and values of the column of
//     all values of rows that are not null.
//
// The digest is SHA-256 over the line "bulkhead rows 1" with its line feed, the
// number of rows as a uint64, the schema's metadata, the number of columns as a
// uint64, and of each column its name as a text, its type, its metadata, and the
// 32 bytes of each hash that it has, in the order above. A type is its number in
// TableColumn.Type as a uint64; after it come, for a timestamp, the number of
// the unit as a uint64 and the zone as a text; for a list the type of its
// values; for a fixed-size list the number of values a row as a uint64 and their
// type.

// digestForm is what a digest of rows begins with, and its version.
const digestForm = "bulkhead rows 1\n"

// DigestBytes is the digest of bytes as it stands in an Account: "sha256:" and
// 64 lower-case hexadecimal digits.
func DigestBytes(data []byte) string {
	sum := sha256.Sum256(data)
	return digestText(sum[:])
}

func digestText(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

// rowDigest hashes rows batch by batch. It reads the buffers that travel, which
// must have been checked.
type rowDigest struct {
	schema  *pluginv1.TableSchema
	columns []*columnDigest
	rows    uint64
}

func newRowDigest(schema *pluginv1.TableSchema) *rowDigest {
	d := &rowDigest{schema: schema, columns: make([]*columnDigest, len(schema.GetColumns()))}
	scratch := new([]byte)
	for i, c := range schema.GetColumns() {
		d.columns[i] = newColumnDigest(c, scratch)
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
		d.columns[i].add(c, 0, n)
	}
	d.rows += uint64(n)
}

// sum is the digest of the schema and of all rows so far.
func (d *rowDigest) sum() string {
	out := binary.LittleEndian.AppendUint64([]byte(digestForm), d.rows)
	out = appendPairs(out, d.schema.GetMetadata())
	out = binary.LittleEndian.AppendUint64(out, uint64(len(d.columns)))
	for i, c := range d.schema.GetColumns() {
		out = appendText(out, c.GetName())
		out = appendType(out, c)
		out = appendPairs(out, c.GetMetadata())
		out = d.columns[i].appendSum(out)
	}
	return DigestBytes(out)
}

// columnDigest hashes a column, or the values of a list.
type columnDigest struct {
	kind                   pluginv1.TableColumn_Type
	width, size            int       // bytes of a number; values of a fixed-size list
	nulls, lengths, values hash.Hash // nil where the type has none
	child                  *columnDigest
	rows                   uint64
	known                  map[uint32][sha256.Size]byte // hashes of a batch's dictionary
	scratch                *[]byte                      // shared by the columns of a digest
}

func newColumnDigest(c *pluginv1.TableColumn, scratch *[]byte) *columnDigest {
	d := &columnDigest{kind: c.GetType(), width: widths[c.GetType()], nulls: sha256.New(), scratch: scratch}
	switch c.GetType() {
	case pluginv1.TableColumn_TYPE_LIST:
		d.lengths, d.child = sha256.New(), newColumnDigest(c.GetChild(), scratch)
	case pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST:
		d.size, d.child = int(c.GetListSize()), newColumnDigest(c.GetChild(), scratch)
	case pluginv1.TableColumn_TYPE_STRING, pluginv1.TableColumn_TYPE_BINARY:
		d.lengths, d.values = sha256.New(), sha256.New()
	case pluginv1.TableColumn_TYPE_DICTIONARY:
		d.values, d.known = sha256.New(), make(map[uint32][sha256.Size]byte)
	default:
		d.values = sha256.New()
	}
	return d
}

// widths are the bytes of numbers.
var widths = map[pluginv1.TableColumn_Type]int{
	pluginv1.TableColumn_TYPE_INT8: 1, pluginv1.TableColumn_TYPE_UINT8: 1,
	pluginv1.TableColumn_TYPE_INT16: 2, pluginv1.TableColumn_TYPE_UINT16: 2,
	pluginv1.TableColumn_TYPE_INT32: 4, pluginv1.TableColumn_TYPE_UINT32: 4, pluginv1.TableColumn_TYPE_FLOAT32: 4, pluginv1.TableColumn_TYPE_DATE32: 4,
	pluginv1.TableColumn_TYPE_INT64: 8, pluginv1.TableColumn_TYPE_UINT64: 8, pluginv1.TableColumn_TYPE_FLOAT64: 8, pluginv1.TableColumn_TYPE_TIMESTAMP: 8,
}

// appendSum appends the hashes of a column.
func (d *columnDigest) appendSum(out []byte) []byte {
	for _, h := range []hash.Hash{d.nulls, d.lengths, d.values} {
		if h != nil {
			out = h.Sum(out)
		}
	}
	if d.child != nil {
		return d.child.appendSum(out)
	}
	return out
}

// appendType writes the type of a column with its parameters.
func appendType(out []byte, c *pluginv1.TableColumn) []byte {
	out = binary.LittleEndian.AppendUint64(out, uint64(c.GetType()))
	switch c.GetType() {
	case pluginv1.TableColumn_TYPE_TIMESTAMP:
		return appendText(binary.LittleEndian.AppendUint64(out, uint64(c.GetUnit())), c.GetZone())
	case pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST:
		return appendType(binary.LittleEndian.AppendUint64(out, uint64(c.GetListSize())), c.GetChild())
	case pluginv1.TableColumn_TYPE_LIST:
		return appendType(out, c.GetChild())
	}
	return out
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
