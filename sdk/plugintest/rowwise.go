// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// kernelRowWise holds a kernel to its word: what it writes does not depend on how
// its input is cut, and it says where its rows come from when it leaves some out.
func kernelRowWise(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetRowWise() || !k.GetTransforms() {
		return nil
	}
	for _, s := range samples() {
		if err := b.rowWiseOn(p, k, s); err != nil {
			return fmt.Errorf("on %s: %w", s.name, err)
		}
	}
	return nil
}

func (b *bench) rowWiseOn(p *Plugin, k *pluginv1.KernelDescription, s sample) error {
	fitted, whole, err := b.run(p, k, s.batches, s.schema)
	if err != nil || whole == nil || whole.failed() {
		return err
	}
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return err
	}
	wire, err := encode(single(s.batches))
	if err != nil {
		return err
	}
	cut, err := transform(b.ctx, p, o, fitted.state, wire)
	if err != nil || cut.failed() {
		return errors.Join(err, fmt.Errorf("it refuses batches of one row: %s", cut.said()))
	}
	if r := whole.result; r.GetRowsDropped()+r.GetRowsRejected() > 0 && !whole.told() {
		return errors.New("it leaves rows out and does not tell the origins of those that it writes")
	}
	return sameRows(whole, cut)
}

// single cuts batches into rows.
func single(batches []arrow.RecordBatch) (out []arrow.RecordBatch) {
	for _, b := range batches {
		for i := range b.NumRows() {
			out = append(out, b.NewSlice(i, i+1))
		}
	}
	return out
}

// told reports whether every batch with rows has origins.
func (o *outcome) told() bool {
	for _, b := range o.batches {
		if b.GetRows() > 0 && len(b.GetOrigins()) == 0 {
			return false
		}
	}
	return true
}

// sameRows compares the rows of two outputs.
func sameRows(a, b *outcome) error {
	left, err := a.rows()
	if err != nil {
		return err
	}
	right, err := b.rows()
	if err != nil {
		return err
	}
	left, right = single(left), single(right)
	if len(left) != len(right) {
		return fmt.Errorf("it writes %d rows of the whole table and %d of the same table row by row", len(left), len(right))
	}
	for i := range left {
		if !array.RecordEqual(left[i], right[i]) && !sameBytes(left[i], right[i]) {
			return fmt.Errorf("row %d of its output is another when its input comes row by row", i)
		}
	}
	return nil
}

// sameBytes compares rows as they travel: NaN is the same as NaN.
func sameBytes(a, b arrow.RecordBatch) bool {
	left, err := table.EncodeRows(a)
	if err != nil {
		return false
	}
	right, err := table.EncodeRows(b)
	return err == nil && equal(&outcome{batches: []*pluginv1.Batch{left}}, &outcome{batches: []*pluginv1.Batch{right}})
}

// kernelOutput holds a kernel to the columns that it tells when settings are
// validated: a transform writes these.
func kernelOutput(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetTransforms() {
		return nil
	}
	s := samples()[0]
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return err
	}
	resp, err := pluginv1.NewKernelServiceClient(p.Conn).Validate(b.ctx, &pluginv1.ValidateRequest{Open: o})
	if err != nil || resp.GetOutput() == nil {
		return err
	}
	_, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil || out == nil || out.failed() {
		return err
	}
	told, err := table.DecodeSchema(resp.GetOutput())
	if err != nil {
		return err
	}
	made, err := table.DecodeSchema(out.columns())
	if err == nil && !told.Equal(made) {
		err = fmt.Errorf("Validate tells the columns %v, and Transform writes %v", told, made)
	}
	return err
}

// columns are those of the output.
func (o *outcome) columns() *pluginv1.TableSchema {
	if o.schema != nil || len(o.batches) == 0 {
		return o.schema
	}
	return o.batches[0].GetSchema()
}

// kernelUndo: what a transform did can be taken back, and again when there is
// nothing any more.
func kernelUndo(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetUndoes() {
		return nil
	}
	s := samples()[0]
	_, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil || out == nil || len(out.result.GetUndoToken()) == 0 {
		return err
	}
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return err
	}
	for _, when := range []string{"once", "again"} {
		resp, err := pluginv1.NewKernelServiceClient(p.Conn).Undo(b.ctx, &pluginv1.UndoRequest{Open: o, Token: out.result.GetUndoToken()})
		if err != nil {
			return fmt.Errorf("undoing %s died: %w", when, err)
		}
		if hasError(resp.GetDiagnostics()) {
			return fmt.Errorf("undoing %s fails: %s", when, resp.GetDiagnostics()[0].GetSummary())
		}
	}
	return nil
}
