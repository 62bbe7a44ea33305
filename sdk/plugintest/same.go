// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/protobuf/proto"
)

// sameOutputs compares the columns and the rows of two calls. One that wrote
// nothing need not have told its columns.
func sameOutputs(a, b *outcome) error {
	if a.columns() != nil && b.columns() != nil && !proto.Equal(a.columns(), b.columns()) {
		return errors.New("the columns of the output differ")
	}
	left, err := a.rows()
	if err != nil {
		return err
	}
	right, err := b.rows()
	if err != nil {
		return err
	}
	return sameTables(left, right)
}

// sameTables compares rows, however they are cut into batches. It looks at values
// and not at bytes: what stands under a null has no meaning, a builder leaves there
// what the memory held before. A NaN is the same as a NaN.
func sameTables(a, b []arrow.RecordBatch) error {
	row := int64(0)
	for len(a) > 0 && len(b) > 0 {
		n := min(a[0].NumRows(), b[0].NumRows())
		if !sameCells(a[0].NewSlice(0, n), b[0].NewSlice(0, n)) {
			return fmt.Errorf("rows %d to %d of the output differ", row, row+n-1)
		}
		row += n
		a, b = rest(a, n), rest(b, n)
	}
	if len(rest(a, 0))+len(rest(b, 0)) > 0 {
		return fmt.Errorf("one output has more rows; both have %d", row)
	}
	return nil
}

// sameCells compares batches of as many rows.
func sameCells(a, b arrow.RecordBatch) bool {
	if array.RecordEqual(a, b) {
		return true
	}
	if !a.Schema().Equal(b.Schema()) {
		return false
	}
	for column := range int(a.NumCols()) {
		for row := range int(a.NumRows()) {
			if !(Tolerance{}).sameCell(a.Column(column), b.Column(column), row) {
				return false
			}
		}
	}
	return true
}

// rest is a table without its first n rows, all of its first batch, and without
// batches that have none.
func rest(batches []arrow.RecordBatch, n int64) []arrow.RecordBatch {
	if len(batches) == 0 {
		return nil
	}
	first := batches[0].NewSlice(n, batches[0].NumRows())
	if first.NumRows() > 0 {
		return append([]arrow.RecordBatch{first}, batches[1:]...)
	}
	for i, b := range batches[1:] {
		if b.NumRows() > 0 {
			return batches[i+1:]
		}
	}
	return nil
}
