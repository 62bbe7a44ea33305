// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// armReader reads the table of an arm, batch by batch, with the numbers of its
// rows apart.
type armReader struct {
	next func() (arrow.RecordBatch, error, bool)
	stop func()
	// batch without the numbers, nil after the last one; at is the next row.
	batch   arrow.RecordBatch
	numbers *array.Int64
	at      int64
	// schema without the numbers; nil when the arm has no columns.
	schema *arrow.Schema
}

func newArmReader(ctx context.Context, t Table) *armReader {
	r := &armReader{stop: func() {}}
	if t == nil || t.Schema() == nil {
		r.next = func() (arrow.RecordBatch, error, bool) { return nil, nil, false }
		return r
	}
	meta := t.Schema().Metadata()
	fields := t.Schema().Fields()
	r.schema = arrow.NewSchema(fields[:len(fields)-1], &meta)
	r.next, r.stop = iter.Pull2(t.Batches(ctx))
	return r
}

// advance moves to the first row of the next batch when this one is used up.
func (r *armReader) advance() error {
	for r.batch == nil || r.at >= r.batch.NumRows() {
		if r.batch != nil {
			r.batch.Release()
			r.batch = nil
		}
		batch, err, more := r.next()
		if err != nil || !more {
			return err
		}
		columns := batch.Columns()
		r.release()
		r.numbers = columns[len(columns)-1].(*array.Int64)
		r.numbers.Retain()
		r.batch, r.at = array.NewRecordBatch(r.schema, columns[:len(columns)-1], batch.NumRows()), 0
	}
	return nil
}

// done reports whether all rows were read.
func (r *armReader) done() bool { return r.batch == nil }

// row is the number of the row at a place of the batch.
func (r *armReader) row(at int64) int64 { return r.numbers.Value(int(at)) }

// last is the number of the last row of the batch.
func (r *armReader) last() int64 { return r.row(r.batch.NumRows() - 1) }

// upTo is the place behind the last row of the batch whose number is at most n.
// Numbers rise.
func (r *armReader) upTo(n int64) int64 {
	values := r.numbers.Int64Values()[r.at:]
	i, found := slices.BinarySearch(values, n)
	if found {
		i++
	}
	return r.at + int64(i)
}

// close frees what is held.
func (r *armReader) close() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
	r.release()
	r.stop()
}

// release lets go of the numbers.
func (r *armReader) release() {
	if r.numbers != nil {
		r.numbers.Release()
		r.numbers = nil
	}
}
