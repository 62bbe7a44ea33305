// SPDX-License-Identifier: Apache-2.0

// Package table is the form in which rows travel between a host and a kernel:
// the buffers of Apache Arrow's columnar layout in protocol buffers, without
// Arrow's own IPC metadata, whose decoder allocates whatever foreign bytes ask
// for. Checking a batch is arithmetic on lengths.
//
// Columns are int64, float64, bool or utf8 strings, each of them nullable. A
// missing value is a null; NaN is a value of a float64 column. A column's role
// rides in its field's metadata under RoleKey, so it survives every kernel that
// passes the field on.
//
// Batches are bounded by MaxRows and MaxBytes. Decode trusts nothing: it
// refuses other types by name, checks lengths, offsets and UTF-8, allocates no
// more than it was given, and answers malformed batches with an error.
package table

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Bounds of one batch on the wire.
const (
	MaxRows    = 64 << 10
	MaxBytes   = 8 << 20
	MaxColumns = 64 << 10
)

// ErrRowTooLarge means that one single row exceeds MaxBytes.
var ErrRowTooLarge = errors.New("one row is larger than a batch may be (8 MiB)")

// CheckSchema refuses column types that tables do not have and names that
// stand twice.
func CheckSchema(schema *arrow.Schema) error {
	if schema.NumFields() > MaxColumns {
		return fmt.Errorf("a table of %d columns; at most %d travel", schema.NumFields(), MaxColumns)
	}
	seen := make(map[string]bool, schema.NumFields())
	for _, f := range schema.Fields() {
		if wireType(f.Type) == 0 {
			return fmt.Errorf("column %q has type %s; tables hold int64, float64, bool and utf8 columns", f.Name, f.Type)
		}
		if seen[f.Name] {
			return fmt.Errorf("column %q stands twice", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// Split cuts a batch into batches within the bounds, in order. The parts share
// memory with batch and hold their own references.
func Split(batch arrow.RecordBatch) ([]arrow.RecordBatch, error) {
	rows := batch.NumRows()
	if rows <= MaxRows && Size(batch) <= MaxBytes {
		batch.Retain()
		return []arrow.RecordBatch{batch}, nil
	}
	if rows == 1 {
		return nil, ErrRowTooLarge
	}
	var out []arrow.RecordBatch
	for _, half := range [][2]int64{{0, rows / 2}, {rows / 2, rows}} {
		part := batch.NewSlice(half[0], half[1])
		parts, err := Split(part)
		part.Release()
		if err != nil {
			release(out)
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

func release(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// Size is the number of bytes of a batch's buffers on the wire.
func Size(batch arrow.RecordBatch) int64 {
	var total int64
	for _, col := range batch.Columns() {
		total += columnSize(col)
	}
	return total
}

func columnSize(col arrow.Array) int64 {
	n := int64(col.Len())
	size := (n + 7) / 8
	switch c := col.(type) {
	case *array.String:
		if n > 0 {
			size += 4*(n+1) + int64(len(c.ValueBytes()))
		}
	case *array.Boolean:
		size += (n + 7) / 8
	default:
		size += 8 * n
	}
	return size
}
