// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Limits of one batch; zeros are table.MaxRows and table.MaxBytes, which no
// batch exceeds.
type Limits struct {
	Rows, Bytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Rows <= 0 || l.Rows > table.MaxRows {
		l.Rows = table.MaxRows
	}
	if l.Bytes <= 0 || l.Bytes > table.MaxBytes {
		l.Bytes = table.MaxBytes
	}
	return l
}

// Cutter brings batches to a good size: it joins tiny ones and cuts big ones.
// The rows and their order stay. How the batches come out depends on how they
// come in, and on nothing else.
//
// A batch that waits to be joined is a copy: the cutter holds no memory of the
// batches that it was given, which may be a slot that their maker waits for.
type Cutter struct {
	limits  Limits
	emit    func(arrow.RecordBatch) error
	waiting []arrow.RecordBatch
	rows    int64
	bytes   int64
}

// NewCutter makes a cutter that hands batches, which are borrowed, to emit.
func NewCutter(l Limits, emit func(arrow.RecordBatch) error) *Cutter {
	return &Cutter{limits: l.withDefaults(), emit: emit}
}

// Add takes the next rows. A batch without rows is dropped.
func (c *Cutter) Add(batch arrow.RecordBatch) error {
	rows, bytes := batch.NumRows(), table.Size(batch)
	switch {
	case rows == 0:
		return nil
	case rows >= c.limits.Rows/4 || bytes >= c.limits.Bytes/4:
		if err := c.Flush(); err != nil {
			return err
		}
		return c.cut(batch)
	case c.rows+rows > c.limits.Rows || c.bytes+bytes > c.limits.Bytes:
		if err := c.Flush(); err != nil {
			return err
		}
	}
	return c.wait(batch, rows, bytes)
}

// wait keeps a copy of a tiny batch.
func (c *Cutter) wait(batch arrow.RecordBatch, rows, bytes int64) error {
	own, err := join([]arrow.RecordBatch{batch})
	if err != nil {
		return err
	}
	c.waiting = append(c.waiting, own)
	c.rows, c.bytes = c.rows+rows, c.bytes+bytes
	if c.rows >= c.limits.Rows/2 || c.bytes >= c.limits.Bytes/2 {
		return c.Flush()
	}
	return nil
}

// Flush hands on what waits: it is called after the last batch.
func (c *Cutter) Flush() error {
	if len(c.waiting) == 0 {
		return nil
	}
	defer c.Drop()
	if len(c.waiting) == 1 {
		return c.cut(c.waiting[0])
	}
	joined, err := join(c.waiting)
	if err != nil {
		return err
	}
	defer joined.Release()
	return c.cut(joined)
}

// Drop forgets what waits.
func (c *Cutter) Drop() {
	for _, b := range c.waiting {
		b.Release()
	}
	c.waiting, c.rows, c.bytes = nil, 0, 0
}

// cut hands on a batch in pieces within the limits. A single row may exceed
// those of the pipeline, never those of the wire.
func (c *Cutter) cut(batch arrow.RecordBatch) error {
	rows, bytes := batch.NumRows(), table.Size(batch)
	if rows <= c.limits.Rows && bytes <= c.limits.Bytes {
		return c.emit(batch)
	}
	if rows == 1 {
		if bytes > table.MaxBytes {
			return table.ErrRowTooLarge
		}
		return c.emit(batch)
	}
	step := min(c.limits.Rows, rows-1, max(1, rows*c.limits.Bytes/max(1, bytes)))
	for from := int64(0); from < rows; from += step {
		part := batch.NewSlice(from, min(rows, from+step))
		err := c.cut(part)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// join copies batches of one schema into one.
func join(batches []arrow.RecordBatch) (arrow.RecordBatch, error) {
	schema := batches[0].Schema()
	columns := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	var rows int64
	for _, b := range batches {
		rows += b.NumRows()
	}
	for i := range schema.NumFields() {
		column, err := joinColumn(batches, i)
		if err != nil {
			return nil, err
		}
		columns = append(columns, column)
	}
	return array.NewRecordBatch(schema, columns, rows), nil
}

func joinColumn(batches []arrow.RecordBatch, i int) (arrow.Array, error) {
	parts := make([]arrow.Array, len(batches))
	for j, b := range batches {
		parts[j] = b.Column(i)
	}
	joined, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	d, ok := joined.(*array.Dictionary)
	if !ok {
		return joined, nil
	}
	// The keys are copied, and the values are still those of the first batch.
	defer d.Release()
	values, err := array.Concatenate([]arrow.Array{d.Dictionary()}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	return array.NewDictionaryArray(d.DataType(), d.Indices(), values), nil
}

// Cut is the table in cut in batches within the limits.
func Cut(in Batches, l Limits) Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		stopped := false
		c := NewCutter(l, func(b arrow.RecordBatch) error {
			if !yield(b, nil) {
				stopped = true
				return errStopped{}
			}
			return nil
		})
		defer c.Drop()
		err := func() error {
			for batch, err := range in {
				if err == nil {
					err = c.Add(batch)
				}
				if err != nil {
					return err
				}
			}
			return c.Flush()
		}()
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// errStopped ends a loop whose consumer has had enough.
type errStopped struct{}

func (errStopped) Error() string { return "the reader stopped" }
