// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/binary"
	"errors"
	"fmt"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// origins holds a kernel to what it says of its rows, with the number of rows that
// it was sent: a row that it writes or puts aside is one of these and is told once,
// and those that it writes rise.
func (o *outcome) origins(sent int64) error {
	aside := map[int64]bool{}
	for _, r := range o.rejected {
		if row := r.GetRow(); row < 0 || row >= sent || aside[row] {
			return fmt.Errorf("it puts row %d aside, of %d that it was sent; each counts once, from 0", row, sent)
		}
		aside[r.GetRow()] = true
	}
	last, told := int64(-1), false
	for _, b := range o.batches {
		rows, err := written(b)
		if err != nil {
			return err
		}
		if told && rows == nil && b.GetRows() > 0 {
			return errors.New("it writes rows without their origins after rows with them")
		}
		told = told || rows != nil
		for _, row := range rows {
			if row <= last || row >= sent || aside[row] {
				return fmt.Errorf("it writes row %d after row %d, of %d that it was sent; origins rise, and no row is written that was put aside", row, last, sent)
			}
			last = row
		}
	}
	return nil
}

// written are the origins of the rows of a batch; nil when they are not told.
func written(b *pluginv1.Batch) ([]int64, error) {
	wire, n := b.GetOrigins(), b.GetRows()
	if len(wire) == 0 || n == 0 {
		return nil, nil
	}
	if len(wire) != 8 && int64(len(wire)) != 8*n {
		return nil, fmt.Errorf("origins of %d bytes for %d rows, which take 8 or %d", len(wire), n, 8*n)
	}
	out := make([]int64, n)
	for i := range out {
		if len(wire) == 8 {
			out[i] = int64(binary.LittleEndian.Uint64(wire)) + int64(i)
		} else {
			out[i] = int64(binary.LittleEndian.Uint64(wire[8*i:]))
		}
	}
	return out, nil
}
