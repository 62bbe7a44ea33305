// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// sink takes what a transform writes. Batches have one schema, which it was told
// before the first one, and are within the bounds of the wire.
type sink interface {
	declare(*arrow.Schema) error
	write(arrow.RecordBatch, lineage) error
	allocator() memory.Allocator
}

// Writer takes the batches that a transform makes.
type Writer struct {
	to     sink
	schema *arrow.Schema // nil before it was told
	rows   int64
	told   bool // rows were told their origins
}

// NewWriter makes a writer from a function that takes batches within the bounds
// of the wire, for tests.
func NewWriter(write func(arrow.RecordBatch) error) *Writer {
	return &Writer{to: taker(write)}
}

// taker is a sink in ordinary memory.
type taker func(arrow.RecordBatch) error

func (taker) declare(*arrow.Schema) error                      { return nil }
func (t taker) write(batch arrow.RecordBatch, _ lineage) error { return t(batch) }
func (taker) allocator() memory.Allocator                      { return memory.DefaultAllocator }

// Declare tells the columns of the output before its first batch. The first
// batch tells them, too.
func (w *Writer) Declare(schema *arrow.Schema) error {
	if w.schema != nil {
		return sameColumns(w.schema, schema)
	}
	if err := table.CheckSchema(schema); err != nil {
		return err
	}
	w.schema = schema
	return w.to.declare(schema)
}

// sameColumns refuses columns that differ from those told first. Whether a field
// may be null does not travel and so does not count.
func sameColumns(first, now *arrow.Schema) error {
	if first == now {
		return nil
	}
	if first.NumFields() != now.NumFields() || !first.Metadata().Equal(now.Metadata()) {
		return fmt.Errorf("the output changes its columns: it has %d of them, and the first ones were %d; a kernel writes batches of one schema", now.NumFields(), first.NumFields())
	}
	for i, f := range first.Fields() {
		g := now.Field(i)
		g.Nullable = f.Nullable
		if !f.Equal(g) {
			return fmt.Errorf("the output changes its columns: column %d is %q of type %s, and was %q of type %s; a kernel writes batches of one schema", i+1, g.Name, g.Type, f.Name, f.Type)
		}
	}
	return nil
}

// Write sends a batch of any size; it is cut to the bounds of the wire.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	if w.told {
		return errors.New("rows are written without their origins after rows with them; use WriteFrom for all or for none")
	}
	return w.write(batch, lineage{})
}

// WriteFrom is Write for rows that come from input rows: origins has the number
// of the input row, counted from 0 over the whole call, of each row. They rise,
// also from batch to batch, and no row comes twice.
func (w *Writer) WriteFrom(batch arrow.RecordBatch, origins []int64) error {
	if int64(len(origins)) != batch.NumRows() {
		return fmt.Errorf("%d origins for a batch of %d rows", len(origins), batch.NumRows())
	}
	if !w.told && w.rows > 0 {
		return errors.New("rows are written with their origins after rows without them; use WriteFrom for all or for none")
	}
	w.told = true
	return w.write(batch, lineage{told: true, list: origins})
}

func (w *Writer) write(batch arrow.RecordBatch, from lineage) error {
	if err := w.Declare(batch.Schema()); err != nil {
		return err
	}
	parts, err := table.Split(batch)
	if err != nil {
		return err
	}
	at := 0
	for _, p := range parts {
		if err == nil {
			err = w.to.write(p, from.cut(at, int(p.NumRows())))
		}
		at += int(p.NumRows())
		p.Release()
	}
	w.rows += batch.NumRows()
	return err
}

// Rows returns the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Allocator returns memory for what is written: arrays that are built with it
// travel without a copy where host and plugin share memory. Use it from one
// goroutine at a time, build what goes into one batch and write it before the
// next, and release arrays after that.
func (w *Writer) Allocator() memory.Allocator { return w.to.allocator() }
