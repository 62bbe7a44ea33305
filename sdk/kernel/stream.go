// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Reader gives the batches of a call one by one.
type Reader struct {
	schema *arrow.Schema
	next   func() (arrow.RecordBatch, error)
	rows   int64
}

// NewReader makes a reader from a function that returns io.EOF after the last
// batch.
func NewReader(schema *arrow.Schema, next func() (arrow.RecordBatch, error)) *Reader {
	return &Reader{schema: schema, next: next}
}

// FromBatches makes a reader over batches in memory.
func FromBatches(schema *arrow.Schema, batches ...arrow.RecordBatch) *Reader {
	i := 0
	return NewReader(schema, func() (arrow.RecordBatch, error) {
		if i == len(batches) {
			return nil, io.EOF
		}
		i++
		return batches[i-1], nil
	})
}

// Schema of every batch.
func (r *Reader) Schema() *arrow.Schema { return r.schema }

// Next returns the next batch, or io.EOF after the last one.
func (r *Reader) Next() (arrow.RecordBatch, error) {
	batch, err := r.next()
	if err != nil {
		return nil, err
	}
	r.rows += batch.NumRows()
	return batch, nil
}

// ReadAll returns every batch that is left: for kernels that need the whole
// table in memory.
func (r *Reader) ReadAll() ([]arrow.RecordBatch, error) {
	var out []arrow.RecordBatch
	err := r.Each(func(batch arrow.RecordBatch) error {
		out = append(out, batch)
		return nil
	})
	return out, err
}

// Each calls f for every batch that is left.
func (r *Reader) Each(f func(arrow.RecordBatch) error) error {
	for {
		batch, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(batch); err != nil {
			return err
		}
	}
}

// Rows returns the number of rows read so far.
func (r *Reader) Rows() int64 { return r.rows }

// Writer takes the batches that a transform makes.
type Writer struct {
	write func(arrow.RecordBatch) error
	rows  int64
}

// NewWriter makes a writer from a function.
func NewWriter(write func(arrow.RecordBatch) error) *Writer {
	return &Writer{write: write}
}

// Write sends a batch of any size; it is cut to the bounds of the wire.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	parts, err := table.Split(batch)
	if err != nil {
		return err
	}
	for _, p := range parts {
		err = errors.Join(err, w.write(p))
		p.Release()
	}
	w.rows += batch.NumRows()
	return err
}

// Rows returns the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }
