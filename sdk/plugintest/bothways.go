// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// kernelBothWays makes the same transform in messages and in shared memory.
func kernelBothWays(b *bench) error {
	p, kernels, err := b.kernels()
	if err != nil {
		return err
	}
	if p.Shared == nil {
		return skip(ErrMessages.Error())
	}
	compared, errs := 0, []error(nil)
	for _, k := range kernels {
		n, err := b.bothWays(p, k)
		compared += n
		if err != nil {
			errs = append(errs, fmt.Errorf("kernel %q: %w", k.GetName(), err))
		}
	}
	if compared == 0 && len(errs) == 0 {
		return skip("no transform of the sample tables travels both ways here")
	}
	return errors.Join(errs...)
}

// bothWays compares the outputs of one kernel and returns how many there were.
func (b *bench) bothWays(p *Plugin, k *pluginv1.KernelDescription) (compared int, err error) {
	if !k.GetTransforms() || k.GetReadsFile() || k.GetWritesFile() || k.GetUndoes() {
		return 0, nil
	}
	for _, s := range append(samples(), rows(12, 500)) {
		done, err := b.bothWaysOn(p, k, s)
		switch {
		case errors.Is(err, ErrMessages):
		case err != nil:
			return compared, fmt.Errorf("on %s: %w", s.name, err)
		case done:
			compared++
		}
	}
	return compared, nil
}

// bothWaysOn is false when the kernel refuses the table, which it may.
func (b *bench) bothWaysOn(p *Plugin, k *pluginv1.KernelDescription, s sample) (bool, error) {
	fitted, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil || out == nil || out.failed() {
		return false, err
	}
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return false, err
	}
	messages, err := out.rows()
	if err != nil {
		return false, err
	}
	shared, err := p.Shared(b.ctx, o, fitted.state, s.batches)
	if err != nil {
		return false, fmt.Errorf("it runs in messages and not in shared memory: %w", err)
	}
	return true, sameTables(messages, shared)
}

// sameTables compares rows, however they are cut into batches. What stands under a
// null has no meaning, and a NaN is the same as a NaN.
func sameTables(a, b []arrow.RecordBatch) error {
	row := int64(0)
	for len(a) > 0 && len(b) > 0 {
		n := min(a[0].NumRows(), b[0].NumRows())
		if !sameCells(a[0].NewSlice(0, n), b[0].NewSlice(0, n)) {
			return fmt.Errorf("rows %d to %d of the output differ between shared memory and messages", row, row+n-1)
		}
		row += n
		a, b = rest(a, n), rest(b, n)
	}
	if len(rest(a, 0))+len(rest(b, 0)) > 0 {
		return fmt.Errorf("the outputs of shared memory and messages have another number of rows; %d are in both", row)
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
