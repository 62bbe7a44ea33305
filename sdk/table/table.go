// SPDX-License-Identifier: Apache-2.0

// Package table is the form in which rows travel between a host and a kernel:
// the buffers of Apache Arrow's columnar layout without Arrow's own IPC
// metadata, whose decoder allocates whatever foreign bytes ask for. Checking a
// batch is arithmetic on lengths.
//
// # Types
//
// A column is nullable and of one of these types; all others are refused by
// name.
//
//   - int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32,
//     float64, bool;
//   - utf8, and binary;
//   - date32, and timestamp in any unit, with a time zone that this machine
//     knows ("Europe/Warsaw", "UTC", "+02:00") or without one;
//   - dictionary<int32, utf8>, without nulls in the dictionary;
//   - list<T> and fixed_size_list<T>[1 to 65,536], T a number, bool or utf8.
//
// A missing value is a null; NaN is a value of a float column. A column's role
// rides in its field's metadata under RoleKey, so it survives every kernel that
// passes the field on. Of a list's values only the type travels: the name,
// metadata and nullability of Arrow's field do not, and neither does the flag
// of an ordered dictionary.
//
// # Buffers
//
// All numbers are little-endian. A node is a column, or the child of one: the
// values of a list, the texts of a dictionary. A node of n rows has up to three
// buffers:
//
//   - validity: (n+7)/8 bytes, a bit for each row, least significant first, 1
//     for a value and 0 for a null; left out when there is no null. Bits after
//     the last row are not read.
//   - values: n numbers of the type's width, one after the other; a bit for each
//     row for bool; the text or bytes of all rows for utf8 and binary; int32
//     keys for a dictionary. Lists have none.
//   - offsets, for utf8, binary and lists: n+1 int32, from 0 to the length of
//     values, or of the child, never falling; left out when n is 0.
//
// The child of a fixed-size list has n times its size rows, whether the list is
// null or not. Text is UTF-8 throughout, and no offset cuts a character. A key
// of a value lies in the dictionary; what a key of a null is does not matter.
//
// # Two envelopes
//
// Encode and Decode put the buffers into protocol buffers, for connections that
// carry messages. A Layout puts them into memory that two processes share:
// HeaderBytes of table at the start, for each node, depth first, 64 bytes
//
//	 0  uint32  kind: 1 for buffers of its own, 2 for a column of the input
//	 4  uint32  number of that column of the input, 0 for kind 1
//	 8  uint64  rows
//	16  uint64  validity: first byte, counted from the start of the memory
//	24  uint64  validity: length in bytes
//	32  uint64  values: first byte
//	40  uint64  values: length
//	48  uint64  offsets: first byte
//	56  uint64  offsets: length
//
// and after it the buffers. Each begins at a multiple of the width of its
// numbers (of 4 for offsets, of 1 for bits and text); Put writes at multiples of
// 64. A buffer of length 0 is left out. After kind 2 nothing but the number is
// read, and the entry of a child is not read either. The schema and the number
// of rows are not in that memory: both sides know them.
//
// # Trust
//
// Batches are bounded by MaxRows and MaxBytes. Decode, DecodeAs and Get trust
// nothing but the schema that they are given; see GetOptions.Trusted for the one
// exception. They check every length, offset, key and character, count nulls
// themselves, allocate no more than a small multiple of the number of columns
// besides what they were given, and answer malformed batches with an error.
// Whatever they return can be read, cut, printed and sent on. The bytes must not
// change any more while they look: shared memory has to be sealed or copied
// before Get.
package table

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table/bound"
)

// Bounds of one batch on the wire.
const (
	MaxRows    = bound.MaxRows
	MaxBytes   = bound.MaxBytes
	MaxColumns = bound.MaxColumns
	// MaxSchemaBytes bounds the names and the metadata of all columns together, as
	// they travel: a message has room for them, settings, and no more.
	MaxSchemaBytes = 8 << 20
	// MaxListSize is the largest number of values in a row of a fixed-size list.
	MaxListSize = 64 << 10
)

// Errors that callers tell apart.
var (
	// ErrRowTooLarge means that one single row exceeds MaxBytes.
	ErrRowTooLarge = errors.New("one row is larger than a batch may be (8 MiB)")
	// ErrNoRoom means that a batch needs more memory than Put was given.
	ErrNoRoom = errors.New("the memory is too small for the batch")
)

// CheckSchema refuses column types that tables do not have and names that
// stand twice.
func CheckSchema(schema *arrow.Schema) error {
	if schema.NumFields() > MaxColumns {
		return fmt.Errorf("a table of %d columns; at most %d travel", schema.NumFields(), MaxColumns)
	}
	seen := make(map[string]struct{}, schema.NumFields())
	for i := range schema.NumFields() {
		f := schema.Field(i)
		if _, err := nodeOf(f.Type); err != nil {
			return fmt.Errorf("column %s %w", quote(f.Name), err)
		}
		if _, twice := seen[f.Name]; twice {
			return fmt.Errorf("column %s stands twice", quote(f.Name))
		}
		seen[f.Name] = struct{}{}
	}
	return nil
}

// quote shows a foreign name, or the beginning of a long one.
func quote(name string) string {
	const most = 100
	if len(name) > most {
		return fmt.Sprintf("%.*q...", most, name)
	}
	return fmt.Sprintf("%q", name)
}
