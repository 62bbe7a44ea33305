// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// source is where batches come from.
type source interface {
	// next returns the next batch, which is valid until the next call, or io.EOF
	// after the last one.
	next() (arrow.RecordBatch, error)
	// keep makes batches from now on stay valid.
	keep()
	// borrow says that texts are not kept either.
	borrow()
}

// Reader gives the batches of a call one by one.
type Reader struct {
	schema *arrow.Schema
	from   source
	rows   int64
	row    int64
}

// NewReader makes a reader from a function that returns io.EOF after the last
// batch.
func NewReader(schema *arrow.Schema, next func() (arrow.RecordBatch, error)) *Reader {
	return &Reader{schema: schema, from: function(next)}
}

// function is a source of batches in ordinary memory.
type function func() (arrow.RecordBatch, error)

func (f function) next() (arrow.RecordBatch, error) { return f() }
func (function) keep()                              {}
func (function) borrow()                            {}

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

// Next returns the next batch, or io.EOF after the last one. The batch is
// borrowed: it is valid until the next call, unless it is retained.
func (r *Reader) Next() (arrow.RecordBatch, error) {
	batch, err := r.from.next()
	if err != nil {
		return nil, err
	}
	r.row = r.rows
	r.rows += batch.NumRows()
	return batch, nil
}

// Borrow says before the first batch that the kernel keeps no texts: strings and
// bytes are then valid only as long as their batch, and need not be copied.
func (r *Reader) Borrow() { r.from.borrow() }

// ReadAll returns every batch that is left: for kernels that need the whole
// table in memory. They stay valid.
func (r *Reader) ReadAll() ([]arrow.RecordBatch, error) {
	r.from.keep()
	var out []arrow.RecordBatch
	err := r.Each(func(batch arrow.RecordBatch) error {
		batch.Retain()
		out = append(out, batch)
		return nil
	})
	return out, err
}

// Each calls f for every batch that is left. The batch is borrowed.
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

// Row returns the number of the first row of the batch last read, counted from
// 0 over the whole call.
func (r *Reader) Row() int64 { return r.row }
