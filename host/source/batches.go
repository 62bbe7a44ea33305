// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Batches reads the file again and gives its rows. It may be called any number
// of times, also at the same time. A batch is borrowed: Retain it to keep it.
// Errors are of type *Error, or the cause of ctx.
func (t *Table) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		records, err := t.reopen()
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = records.close() }() // it was only read
		b := newBuilder(t, records, yield)
		defer b.build.Release()
		err = eachRow(ctx, records, len(t.columns), new(int64), b.row)
		if err == nil {
			err = b.finish()
		}
		if err != nil && !b.stopped {
			yield(nil, err)
		}
	}
}

// reopen opens the file of the first pass and skips its header.
func (t *Table) reopen() (*records, error) {
	r, info, err := openFile(t.spec)
	if err != nil {
		return nil, err
	}
	if info.Size() != t.info.Size() || !info.ModTime().Equal(t.info.ModTime()) {
		_ = r.close() // nothing was written
		return nil, t.changed(r.path)
	}
	if _, err := readHeader(r); err != nil {
		_ = r.close()
		return nil, err
	}
	return r, nil
}

func (t *Table) changed(path string) error {
	return newError(path, "File that changed while it was read", "Its size, time or content is not what it was when its types were found out. Wait until its writer is done, and run again.")
}

// errStop ends the reading when the consumer has had enough.
type errStop struct{}

func (errStop) Error() string { return "the consumer stopped" }

// builder collects rows into batches.
type builder struct {
	table   *Table
	records *records
	yield   func(arrow.RecordBatch, error) bool
	build   *array.RecordBuilder
	columns []func(raw, trimmed []byte) bool
	rows    int64 // in the batch
	bytes   int64 // in the batch, about
	total   int64
	stopped bool
}

func newBuilder(t *Table, r *records, yield func(arrow.RecordBatch, error) bool) *builder {
	b := &builder{table: t, records: r, yield: yield, build: array.NewRecordBuilder(memory.DefaultAllocator, t.schema)}
	for _, f := range b.build.Fields() {
		b.columns = append(b.columns, appender(f))
	}
	return b
}

// appender returns the function that appends one value to a column, and tells
// whether it could.
func appender(column array.Builder) func(raw, trimmed []byte) bool {
	switch c := column.(type) {
	case *array.Int64Builder:
		return func(_, trimmed []byte) bool {
			v, ok := parseInt(trimmed)
			c.Append(v)
			return ok
		}
	case *array.Float64Builder:
		return func(_, trimmed []byte) bool {
			v, ok := parseFloat(trimmed)
			c.Append(v)
			return ok
		}
	case *array.BooleanBuilder:
		return func(_, trimmed []byte) bool {
			v, ok := parseBool(trimmed)
			c.Append(v)
			return ok
		}
	case *array.StringBuilder:
		return func(raw, _ []byte) bool {
			c.BinaryBuilder.Append(raw)
			return true
		}
	}
	return func([]byte, []byte) bool { return false }
}

// flushBytes leaves room below table.MaxBytes for one more record.
const flushBytes = table.MaxBytes - MaxRecordBytes

func (b *builder) row(fields [][]byte) error {
	for i, raw := range fields {
		trimmed := trim(raw)
		if b.table.nulls.has(trimmed) {
			b.build.Field(i).AppendNull()
			continue
		}
		if !b.columns[i](raw, trimmed) {
			// The first pass saw that it fits.
			return b.table.changed(b.records.path)
		}
	}
	b.rows++
	b.bytes += rowBytes(fields, b.table.columns)
	if b.rows == table.MaxRows || b.bytes >= flushBytes {
		return b.flush()
	}
	return nil
}

// rowBytes is the size of a row in Arrow's layout, from above.
func rowBytes(fields [][]byte, columns []Column) int64 {
	var n int64
	for i, f := range fields {
		n += 9
		if columns[i].Type == "string" {
			n += int64(len(f))
		}
	}
	return n
}

func (b *builder) flush() error {
	batch := b.build.NewRecordBatch()
	defer batch.Release()
	b.total += b.rows
	b.rows, b.bytes = 0, 0
	if !b.yield(batch, nil) {
		b.stopped = true
		return errStop{}
	}
	return nil
}

// finish gives the last batch and checks that no row came or went.
func (b *builder) finish() error {
	if b.rows > 0 {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if b.total != b.table.rows {
		return b.table.changed(b.records.path)
	}
	return nil
}
