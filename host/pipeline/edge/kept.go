// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
)

// File takes the batches of a table that do not fit into memory. Append is
// called by one goroutine at a time, and Batch by any number of them for what
// was appended before, also meanwhile.
type File interface {
	Append(batch arrow.RecordBatch) error
	// Batch gives batch i, counted from 0, which the caller releases.
	Batch(i int) (arrow.RecordBatch, error)
	// Close frees the file, which is gone then.
	Close() error
}

// Spill makes a file for a table of a schema.
type Spill func(schema *arrow.Schema) (File, error)

// Kept is a table that is read as often as anybody likes. Release it once, when
// no reader is left.
type Kept struct {
	signal
	ledger *Ledger
	spill  Spill

	schema *arrow.Schema
	items  []item
	moved  Moved
	sealed bool
	err    error // of the writer
	file   File
	inFile int   // batches in the file
	memory int64 // bytes that the ledger counts
	disk   int64
}

// item is one batch: in memory, or in the file when batch is nil.
type item struct {
	batch arrow.RecordBatch
	index int
}

// NewKept makes an empty table. Without spill, a table that does not fit into
// memory is a *FullError.
func NewKept(ledger *Ledger, spill Spill) *Kept {
	return &Kept{ledger: ledger, spill: spill}
}

// Declare tells the columns.
func (k *Kept) Declare(schema *arrow.Schema) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.schema == nil {
		k.schema = schema
		k.wake()
	}
}

// Put adds the batch and never waits for a reader.
func (k *Kept) Put(ctx context.Context, batch arrow.RecordBatch) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	size := Size(batch)
	one, err := k.place(batch, size)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if one.batch == nil {
		k.inFile++
	}
	k.items = append(k.items, one)
	k.moved.Rows, k.moved.Bytes, k.moved.Batches = k.moved.Rows+batch.NumRows(), k.moved.Bytes+size, k.moved.Batches+1
	k.wake()
	return nil
}

// place finds room for a batch. Only the writer calls it; readers see the
// batch after it was added to items.
func (k *Kept) place(batch arrow.RecordBatch, size int64) (item, error) {
	if k.ledger.take(size) {
		k.memory += size
		batch.Retain()
		return item{batch: batch}, nil
	}
	if k.spill == nil {
		return item{}, &FullError{Memory: k.ledger.memory.max}
	}
	if err := k.ledger.spill(size); err != nil {
		return item{}, err
	}
	k.disk += size
	if err := k.open(batch.Schema()); err != nil {
		return item{}, &SpillError{err}
	}
	if err := k.file.Append(batch); err != nil {
		return item{}, &SpillError{err}
	}
	return item{index: k.inFile}, nil
}

func (k *Kept) open(schema *arrow.Schema) error {
	if k.file != nil {
		return nil
	}
	file, err := k.spill(schema)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.file = file
	return err
}

// SpillError means that a table could not be put on disk or read from there.
type SpillError struct{ Err error }

func (e *SpillError) Error() string { return "a table between two nodes on disk: " + e.Err.Error() }

// Unwrap returns the error of the file.
func (e *SpillError) Unwrap() error { return e.Err }

// Seal ends the table.
func (k *Kept) Seal(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.sealed {
		k.sealed, k.err = true, err
		k.moved.Complete = err == nil
		k.wake()
	}
}

// Schema waits for the columns.
func (k *Kept) Schema(ctx context.Context) (*arrow.Schema, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.until(ctx, func() bool { return k.schema != nil || k.sealed }); err != nil {
		return nil, err
	}
	if k.schema == nil {
		return nil, k.err
	}
	return k.schema, nil
}

// Batches gives the rows from the first one, those that are there and those
// that come.
func (k *Kept) Batches(ctx context.Context) Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i := 0; ; i++ {
			batch, err := k.batch(ctx, i)
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

// batch waits for batch i, which the caller owns; nil after the last one.
func (k *Kept) batch(ctx context.Context, i int) (arrow.RecordBatch, error) {
	one, file, err := k.item(ctx, i)
	if err != nil || one == nil {
		return nil, err
	}
	if one.batch != nil {
		return one.batch, nil
	}
	batch, err := file.Batch(one.index)
	if err != nil {
		return nil, &SpillError{err}
	}
	return batch, nil
}

func (k *Kept) item(ctx context.Context, i int) (*item, File, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if err := k.until(ctx, func() bool { return i < len(k.items) || k.sealed }); err != nil {
		return nil, nil, err
	}
	if i >= len(k.items) {
		return nil, nil, k.err
	}
	one := k.items[i]
	if one.batch != nil {
		one.batch.Retain()
	}
	return &one, k.file, nil
}

// Moved is what has been put so far.
func (k *Kept) Moved() Moved {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.moved
}

// Spilled reports whether a part of the table went to a file.
func (k *Kept) Spilled() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.inFile > 0
}

// Rows that have been put so far.
func (k *Kept) Rows() int64 { return k.Moved().Rows }

// Columns are those that were declared, nil before.
func (k *Kept) Columns() *arrow.Schema {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.schema
}

// ErrReleased is what a reader of a released table gets.
var ErrReleased = errors.New("the table was released")

// Release frees memory and file.
func (k *Kept) Release() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.items {
		if one.batch != nil {
			one.batch.Release()
		}
	}
	k.ledger.give(k.memory, k.disk)
	k.items, k.memory, k.disk = nil, 0, 0
	k.sealed, k.err = true, ErrReleased
	k.wake()
	if k.file == nil {
		return nil
	}
	file := k.file
	k.file = nil
	return file.Close()
}
