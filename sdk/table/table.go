// SPDX-License-Identifier: Apache-2.0

// Package table is the form in which rows travel between a host and a kernel:
// Apache Arrow record batches of a few plain types, each batch a
// self-contained Arrow IPC stream of one schema message and one batch.
//
// Columns are int64, float64, bool or utf8 strings, each of them nullable. A
// missing value is a null; NaN is a value of a float64 column. A column's role
// rides in its field's metadata under RoleKey, so it survives every kernel that
// passes the field on.
//
// Batches are bounded by MaxRows and MaxBytes. Decode trusts nothing: it
// refuses other types by name, checks offsets, lengths and UTF-8, and answers
// malformed bytes with an error.
package table

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// Bounds of one batch on the wire.
const (
	MaxRows  = 64 << 10
	MaxBytes = 8 << 20
)

// maxWire leaves room for IPC metadata around MaxBytes of data.
const maxWire = MaxBytes + 1<<20

// ErrRowTooLarge means that one single row exceeds MaxBytes.
var ErrRowTooLarge = errors.New("one row is larger than a batch may be (8 MiB)")

// Encode writes a batch as an IPC stream.
func Encode(batch arrow.RecordBatch) ([]byte, error) {
	if err := CheckSchema(batch.Schema()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(batch.Schema()))
	if err := w.Write(batch); err != nil {
		return nil, fmt.Errorf("encoding a batch: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encoding a batch: %w", err)
	}
	return b.Bytes(), nil
}

// EncodeSchema writes a schema as an IPC stream without batches.
func EncodeSchema(schema *arrow.Schema) ([]byte, error) {
	if err := CheckSchema(schema); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := ipc.NewWriter(&b, ipc.WithSchema(schema)).Close(); err != nil {
		return nil, fmt.Errorf("encoding a schema: %w", err)
	}
	return b.Bytes(), nil
}

// Decode reads the one batch of a stream that Encode wrote.
func Decode(data []byte) (batch arrow.RecordBatch, err error) {
	defer recovered(&err)
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if !r.Next() {
		return nil, fmt.Errorf("decoding a batch: the stream holds none: %w", errors.Join(r.Err()))
	}
	batch = r.RecordBatch()
	if err := array.ValidateRecordFull(batch); err != nil {
		return nil, fmt.Errorf("decoding a batch: %w", err)
	}
	if batch.NumRows() > MaxRows {
		return nil, fmt.Errorf("decoding a batch: %d rows, more than %d", batch.NumRows(), MaxRows)
	}
	batch.Retain()
	return batch, nil
}

// DecodeSchema reads the schema of a stream.
func DecodeSchema(data []byte) (schema *arrow.Schema, err error) {
	defer recovered(&err)
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	return r.Schema(), nil
}

func open(data []byte) (*ipc.Reader, error) {
	if len(data) > maxWire {
		return nil, fmt.Errorf("decoding a batch: %d bytes, more than %d", len(data), maxWire)
	}
	r, err := ipc.NewReader(bytes.NewReader(data),
		ipc.WithMetadataSizeLimit(1<<20), ipc.WithBodySizeLimit(maxWire))
	if err != nil {
		return nil, fmt.Errorf("decoding a batch: %w", err)
	}
	if err := CheckSchema(r.Schema()); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// recovered turns a panic of the decoder on foreign bytes into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("decoding a batch: malformed stream: %v", r)
	}
}

// CheckSchema refuses column types that tables do not have and names that
// stand twice.
func CheckSchema(schema *arrow.Schema) error {
	seen := make(map[string]bool, schema.NumFields())
	for _, f := range schema.Fields() {
		switch f.Type.ID() {
		case arrow.INT64, arrow.FLOAT64, arrow.BOOL, arrow.STRING:
		default:
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
	if rows <= MaxRows && size(batch) <= MaxBytes {
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
			for _, p := range out {
				p.Release()
			}
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

// size is the number of bytes that a batch takes on the wire, about.
func size(batch arrow.RecordBatch) int64 {
	var total int64
	for _, col := range batch.Columns() {
		n := int64(col.Len())
		switch c := col.(type) {
		case *array.String:
			if n > 0 {
				total += int64(c.ValueOffset(col.Len())-c.ValueOffset(0)) + 4*n
			}
		case *array.Boolean:
			total += n / 8
		default:
			total += 8 * n
		}
		total += n / 8
	}
	return total
}
