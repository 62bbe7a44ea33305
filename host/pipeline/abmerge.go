// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// merge puts the rows of both arms in the order of the input and hands them to
// emit. It holds a batch of each.
func merge(a, b *armReader, emit func(arrow.RecordBatch) error) error {
	for {
		if err := a.advance(); err != nil {
			return err
		}
		if err := b.advance(); err != nil {
			return err
		}
		switch {
		case a.done() && b.done():
			return nil
		case b.done():
			if err := rest(a, emit); err != nil {
				return err
			}
		case a.done():
			if err := rest(b, emit); err != nil {
				return err
			}
		default:
			if err := mingle(a, b, emit); err != nil {
				return err
			}
		}
	}
}

// rest hands on what is left of a batch.
func rest(r *armReader, emit func(arrow.RecordBatch) error) error {
	part := r.batch.NewSlice(r.at, r.batch.NumRows())
	defer part.Release()
	r.at = r.batch.NumRows()
	return emit(part)
}

// mingle takes from both batches the rows up to the end of the one that ends
// first.
func mingle(a, b *armReader, emit func(arrow.RecordBatch) error) error {
	limit := min(a.last(), b.last())
	toA, toB := a.upTo(limit), b.upTo(limit)
	defer func() { a.at, b.at = toA, toB }()
	partA, partB := a.batch.NewSlice(a.at, toA), b.batch.NewSlice(b.at, toB)
	defer partA.Release()
	defer partB.Release()
	switch {
	case partB.NumRows() == 0:
		return emit(partA)
	case partA.NumRows() == 0:
		return emit(partB)
	}
	out, err := interleave(partA, partB, order(a, b, toA, toB))
	if err != nil {
		return err
	}
	defer out.Release()
	return emit(out)
}

// order is the place of each row in the rows of a followed by those of b.
func order(a, b *armReader, toA, toB int64) []int64 {
	i, j := a.at, b.at
	behind := toA - a.at - b.at
	out := make([]int64, 0, toA-i+toB-j)
	for i < toA || j < toB {
		if j == toB || i < toA && a.row(i) < b.row(j) {
			out = append(out, i-a.at)
			i++
			continue
		}
		out = append(out, behind+j)
		j++
	}
	return out
}

// interleave takes rows of both batches, which have columns of the same types.
func interleave(a, b arrow.RecordBatch, places []int64) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, a.NumCols())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i := range int(a.NumCols()) {
		both, err := array.Concatenate([]arrow.Array{a.Column(i), b.Column(i)}, memory.DefaultAllocator)
		if err != nil {
			return nil, err
		}
		column, err := gather(both, places)
		both.Release()
		if err != nil {
			return nil, err
		}
		columns = append(columns, column)
	}
	return array.NewRecordBatch(a.Schema(), columns, int64(len(places))), nil
}
