// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// kernelRowWise holds a kernel to its word: what it writes does not depend on how
// its input is cut, and it says where its rows come from when it leaves some out.
func kernelRowWise(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetRowWise() || !k.GetTransforms() {
		return skip("not described as row-wise")
	}
	taken := 0
	for _, s := range samples() {
		err := b.rowWiseOn(p, k, s)
		if errors.Is(err, picky) {
			continue
		}
		if taken++; err != nil {
			return fmt.Errorf("on %s: %w", s.name, err)
		}
	}
	if taken == 0 {
		return picky
	}
	return nil
}

func (b *bench) rowWiseOn(p *Plugin, k *pluginv1.KernelDescription, s sample) error {
	fitted, whole, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	if whole == nil || whole.failed() {
		return picky
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
	if err := sameOutputs(whole, cut); err != nil {
		return fmt.Errorf("it notices that its input comes row by row: %w", err)
	}
	return nil
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

// kernelOutput holds a kernel to the columns that it tells when settings are
// validated: a transform writes these.
func kernelOutput(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetTransforms() {
		return skip("no transform")
	}
	s := samples()[0]
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return err
	}
	resp, err := pluginv1.NewKernelServiceClient(p.Conn).Validate(b.ctx, &pluginv1.ValidateRequest{Open: o})
	if err != nil {
		return err
	}
	if resp.GetOutput() == nil {
		return skip("Validate tells no columns of the sample table")
	}
	_, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	if out == nil || out.failed() {
		return picky
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
		return skip("no undo")
	}
	s := samples()[0]
	_, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	if out == nil || len(out.result.GetUndoToken()) == 0 {
		return skip("the transform of the sample table leaves nothing to undo")
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
