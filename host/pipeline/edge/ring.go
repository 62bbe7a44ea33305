// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
)

// Ring is a stream from one writer to one reader, who reads it once.
type Ring struct {
	signal
	maxBytes, maxRows int64

	schema      *arrow.Schema
	queue       []arrow.RecordBatch
	bytes, rows int64 // in the queue
	peak        int64
	moved       Moved
	sealed      bool
	err         error // of the writer
	given, read bool  // the reader has gone; the reader has begun
}

// NewRing makes a ring with credits of so many bytes and rows.
func NewRing(maxBytes, maxRows int64) *Ring {
	return &Ring{maxBytes: maxBytes, maxRows: maxRows}
}

// Declare tells the columns.
func (r *Ring) Declare(schema *arrow.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.schema == nil {
		r.schema = schema
		r.wake()
	}
}

// Put waits for credits and adds the batch. A batch that nobody will read is
// counted and dropped.
func (r *Ring) Put(ctx context.Context, batch arrow.RecordBatch) error {
	size, rows := Size(batch), batch.NumRows()
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.until(ctx, func() bool {
		return r.given || len(r.queue) == 0 || r.bytes+size <= r.maxBytes && r.rows+rows <= r.maxRows
	})
	if err != nil {
		return err
	}
	r.moved.Rows, r.moved.Bytes, r.moved.Batches = r.moved.Rows+rows, r.moved.Bytes+size, r.moved.Batches+1
	if r.given {
		return nil
	}
	batch.Retain()
	r.queue = append(r.queue, batch)
	r.bytes, r.rows = r.bytes+size, r.rows+rows
	r.peak = max(r.peak, r.bytes)
	r.wake()
	return nil
}

// Seal ends the stream.
func (r *Ring) Seal(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		r.sealed, r.err = true, err
		r.moved.Complete = err == nil
		r.wake()
	}
}

// Give says that nobody will read any more: what waits is dropped, and so is
// what comes.
func (r *Ring) Give() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given = true
	for _, b := range r.queue {
		b.Release()
	}
	r.queue, r.bytes, r.rows = nil, 0, 0
	r.wake()
}

// Schema waits for the columns.
func (r *Ring) Schema(ctx context.Context) (*arrow.Schema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.until(ctx, func() bool { return r.schema != nil || r.sealed }); err != nil {
		return nil, err
	}
	if r.schema == nil {
		return nil, r.err
	}
	return r.schema, nil
}

// errReadTwice means that the engine made a ring of an edge that is read twice.
var errReadTwice = errors.New("a stream can be read once only")

// Batches gives the rows as they come. A second loop is an error.
func (r *Ring) Batches(ctx context.Context) Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if !r.begin() {
			yield(nil, errReadTwice)
			return
		}
		for {
			batch, err := r.next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if batch == nil {
				return
			}
			more := yield(batch, nil)
			batch.Release()
			if !more {
				return
			}
		}
	}
}

func (r *Ring) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.read
	r.read = true
	return first
}

// next takes the next batch, which the caller owns; nil after the last one.
func (r *Ring) next(ctx context.Context) (arrow.RecordBatch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.until(ctx, func() bool { return len(r.queue) > 0 || r.sealed }); err != nil {
		return nil, err
	}
	if len(r.queue) == 0 {
		return nil, r.err
	}
	batch := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	r.bytes, r.rows = r.bytes-Size(batch), r.rows-batch.NumRows()
	r.wake()
	return batch, nil
}

// Moved is what has been put so far.
func (r *Ring) Moved() Moved {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moved
}

// Peak is the most bytes that waited at one time.
func (r *Ring) Peak() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peak
}
