// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var kernelRules = []rule{
	{"kernel/unknown", "A kernel that does not exist is refused with a diagnostic.", kernelUnknown},
	{"kernel/broken-settings", "Settings that are no object, or unknown, are refused with a diagnostic.", eachKernel(kernelBrokenSettings)},
	{"kernel/empty-table", "A table without rows gives an answer.", eachKernel(kernelEmptyTable)},
	{"kernel/no-columns", "A table without columns gives an answer.", eachKernel(kernelNoColumns)},
	{"kernel/rows-add-up", "Rows in are rows out, dropped and put aside, and none is told twice.", eachKernel(kernelRows)},
	{"kernel/same-every-time", "The same table, settings and seed give the same state and rows.", eachKernel(kernelSame)},
	{"kernel/state-travels", "A state gives the same rows in another process.", eachKernel(kernelStateTravels)},
	{"kernel/broken-state", "A state that is cut, empty or garbage is refused with a diagnostic.", eachKernel(kernelBrokenState)},
	{"kernel/broken-batch", "A batch whose buffers do not fit is refused.", eachKernel(kernelBrokenBatch)},
	{"kernel/row-wise", "A row-wise kernel does not notice how its input is cut.", eachKernel(kernelRowWise)},
	{"kernel/output", "Transform writes the columns that Validate tells.", eachKernel(kernelOutput)},
	{"kernel/undo", "What a transform did can be taken back, and twice.", eachKernel(kernelUndo)},
	{"kernel/cancelled", "A call that is cancelled while it waits ends within two seconds.", eachKernel(kernelCancelled)},
	{"kernel/cancelled-at-work", "A call that is cancelled while batches move, or after the last one, ends within two seconds.", eachKernel(kernelCancelledAtWork)},
	{"kernel/both-ways", "Shared memory and messages give the same rows.", kernelBothWays},
}

// eachKernel applies a rule to every kernel that the plugin describes. When it
// applies to none of them it is skipped, for their reasons: what was not tried has
// not passed.
func eachKernel(f func(*bench, *Plugin, *pluginv1.KernelDescription) error) func(*bench) error {
	return func(b *bench) error {
		p, kernels, err := b.kernels()
		if err != nil {
			return err
		}
		var errs []error
		var skips []skip
		for _, k := range kernels {
			err := f(b, p, k)
			if reason, ok := errors.AsType[skip](err); ok {
				skips = append(skips, reason)
			} else if err != nil {
				errs = append(errs, fmt.Errorf("kernel %q: %w", k.GetName(), err))
			}
		}
		if len(skips) == len(kernels) {
			return together(skips)
		}
		return errors.Join(errs...)
	}
}

// together are the reasons of several kernels, each told once.
func together(reasons []skip) skip {
	var told []string
	for _, r := range reasons {
		if !slices.Contains(told, string(r)) {
			told = append(told, string(r))
		}
	}
	if len(reasons) == 1 {
		return reasons[0]
	}
	return skip(fmt.Sprintf("%d kernels: ", len(reasons)) + strings.Join(told, "; "))
}

// Reasons for which rules do not apply to a kernel.
const (
	noSettings = skip("no settings")
	noState    = skip("no state, since it does not both fit and transform")
	picky      = skip("the sample tables are refused; fixtures hold it to tables of its own")
)

// kernels returns the shared instance and its kernels, or a skip.
func (b *bench) kernels() (*Plugin, []*pluginv1.KernelDescription, error) {
	d, err := b.describe()
	if err != nil {
		return nil, nil, err
	}
	if len(d.GetKernels()) == 0 {
		return nil, nil, skip("the plugin has no kernels")
	}
	p, err := b.plugin()
	return p, d.GetKernels(), err
}

func kernelUnknown(b *bench) error {
	p, _, err := b.kernels()
	if err != nil {
		return err
	}
	return b.refused(p, &pluginv1.KernelDescription{Name: "no_such_kernel"}, nil, sampleSchema())
}

// refused insists that Validate and a whole call answer with an error
// diagnostic instead of dying or accepting.
func (b *bench) refused(p *Plugin, k *pluginv1.KernelDescription, config []byte, schema *arrow.Schema) error {
	o, err := b.open(k, config, schema)
	if err != nil {
		return err
	}
	diagnostics, err := b.validate(p, o)
	if err != nil {
		return err
	}
	if !hasError(diagnostics) {
		return errors.New("Validate accepts it")
	}
	if k.GetFits() {
		out, err := fit(b.ctx, p, o, nil)
		if err == nil && !out.failed() {
			err = errors.New("Fit accepts it")
		}
		return err
	}
	out, err := transform(b.ctx, p, o, nil, nil)
	if err == nil && !out.failed() {
		err = errors.New("Transform accepts it")
	}
	return err
}

// validate asks a kernel about a call before any data moves.
func (b *bench) validate(p *Plugin, o *pluginv1.Open) ([]*pluginv1.Diagnostic, error) {
	ctx, cancel := context.WithTimeout(b.ctx, p.callTime())
	defer cancel()
	resp, err := pluginv1.NewKernelServiceClient(p.Conn).Validate(ctx, &pluginv1.ValidateRequest{Open: o})
	if err != nil {
		return nil, fmt.Errorf("validating died: %w", err)
	}
	return resp.GetDiagnostics(), nil
}

func kernelBrokenSettings(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if len(k.GetConfig().GetAttributes())+len(k.GetConfig().GetBlocks()) == 0 {
		return noSettings
	}
	for _, config := range []string{`{`, `[]`, `"x"`, `{"no_such_setting": 1}`} {
		if err := b.refused(p, k, []byte(config), sampleSchema()); err != nil {
			return fmt.Errorf("settings %s: %w", config, err)
		}
	}
	return nil
}

// run fits and transforms whatever the kernel can do. A kernel that refuses
// the table with a diagnostic gives a nil transform outcome and no error.
func (b *bench) run(p *Plugin, k *pluginv1.KernelDescription, batches []arrow.RecordBatch, schema *arrow.Schema) (fitted, out *outcome, err error) {
	o, err := b.open(k, nil, schema)
	if err != nil {
		return nil, nil, err
	}
	return b.runOpen(p, k, o, batches)
}

// runOpen is run for a call that is prepared.
func (b *bench) runOpen(p *Plugin, k *pluginv1.KernelDescription, o *pluginv1.Open, batches []arrow.RecordBatch) (fitted, out *outcome, err error) {
	wire, err := encode(batches)
	if err != nil {
		return nil, nil, err
	}
	fitted = &outcome{}
	if k.GetFits() {
		if fitted, err = fit(b.ctx, p, o, wire); err != nil || fitted.failed() {
			return fitted, nil, err
		}
	}
	if k.GetTransforms() {
		out, err = transform(b.ctx, p, o, fitted.state, wire)
	}
	return fitted, out, err
}

func kernelEmptyTable(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	_, _, err := b.run(p, k, nil, sampleSchema())
	return err
}

func kernelNoColumns(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	_, _, err := b.run(p, k, nil, arrow.NewSchema(nil, nil))
	return err
}

func kernelRows(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetTransforms() {
		return skip("no transform")
	}
	taken := 0
	for _, s := range samples() {
		_, out, err := b.run(p, k, s.batches, s.schema)
		if err != nil {
			return fmt.Errorf("on %s: %w", s.name, err)
		}
		if out == nil || out.failed() {
			continue
		}
		taken++
		if err := addsUp(s, out); err != nil {
			return fmt.Errorf("on %s: %w", s.name, err)
		}
	}
	if taken == 0 {
		return picky
	}
	return nil
}

func addsUp(s sample, out *outcome) error {
	var rows int64
	batches, err := out.rows()
	if err != nil {
		return err
	}
	for _, batch := range batches {
		rows += batch.NumRows()
	}
	r := out.result
	switch {
	case !json.Valid(r.GetReportJson()):
		return errors.New("the report is not JSON")
	case r.GetRowsIn() != s.rows:
		return fmt.Errorf("it was given %d rows and says that it read %d", s.rows, r.GetRowsIn())
	case r.GetRowsOut() != rows:
		return fmt.Errorf("it wrote %d rows and says %d", rows, r.GetRowsOut())
	case r.GetRowsRejected() != int64(len(out.rejected)):
		return fmt.Errorf("it put %d rows aside and says %d", len(out.rejected), r.GetRowsRejected())
	case r.GetRowsIn() != r.GetRowsOut()+r.GetRowsDropped()+r.GetRowsRejected():
		return fmt.Errorf("%d rows in, %d out, %d dropped and %d put aside do not add up", r.GetRowsIn(), r.GetRowsOut(), r.GetRowsDropped(), r.GetRowsRejected())
	}
	return out.origins(s.rows)
}

func kernelSame(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	s := samples()[0]
	fitA, outA, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	fitB, outB, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	if !bytes.Equal(fitA.state, fitB.state) {
		return errors.New("two fits of one table give different states")
	}
	if (outA == nil) != (outB == nil) {
		return errors.New("it takes a table once and refuses it another time")
	}
	if fitA.state == nil && (outA == nil || outA.failed()) {
		return picky
	}
	if outA == nil {
		return nil
	}
	if err := sameOutputs(outA, outB); err != nil {
		return fmt.Errorf("two transforms of one table give different rows: %w", err)
	}
	return nil
}

func kernelStateTravels(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetFits() || !k.GetTransforms() {
		return noState
	}
	s := samples()[0]
	fitted, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	if out == nil || out.failed() {
		return picky
	}
	return b.with("", func(other *Plugin) error {
		o, err := b.open(k, nil, s.schema)
		if err != nil {
			return err
		}
		wire, err := encode(s.batches)
		if err != nil {
			return err
		}
		elsewhere, err := transform(b.ctx, other, o, fitted.state, wire)
		if err != nil {
			return err
		}
		if err := sameOutputs(out, elsewhere); err != nil {
			return fmt.Errorf("a state gives other rows in another process: %w", err)
		}
		return nil
	})
}

func kernelBrokenState(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	if !k.GetFits() || !k.GetTransforms() {
		return noState
	}
	s := samples()[0]
	fitted, out, err := b.run(p, k, s.batches, s.schema)
	if err != nil {
		return err
	}
	if out == nil || out.failed() {
		return picky // and would refuse a spoiled state for another reason
	}
	o, err := b.open(k, nil, s.schema)
	if err != nil {
		return err
	}
	wire, err := encode(s.batches)
	if err != nil {
		return err
	}
	for _, state := range spoiled(fitted.state) {
		out, err := transform(b.ctx, p, o, state.bytes, wire)
		if err != nil {
			return fmt.Errorf("state %s: %w", state.name, err)
		}
		if !out.failed() {
			return fmt.Errorf("state %s is accepted", state.name)
		}
	}
	return nil
}

type spoiledState struct {
	name  string
	bytes []byte
}

func spoiled(state []byte) []spoiledState {
	out := []spoiledState{
		{"empty", nil},
		{"of zeros", make([]byte, 256)},
		{"of text", []byte("not a state at all, just some text that goes on for a while")},
	}
	if len(state) > 1 {
		out = append(out, spoiledState{"cut in half", state[:len(state)/2]})
	}
	return out
}

func kernelBrokenBatch(b *bench, p *Plugin, k *pluginv1.KernelDescription) error {
	o, err := b.open(k, nil, sampleSchema())
	if err != nil {
		return err
	}
	broken := []*pluginv1.Batch{{
		Schema: o.GetSchema(), Rows: 64, Columns: []*pluginv1.ColumnBuffers{{Values: bytes.Repeat([]byte{0xff}, 500)}, {}, {}},
	}}
	call := func() (*outcome, error) { return transform(b.ctx, p, o, nil, broken) }
	if k.GetFits() {
		call = func() (*outcome, error) { return fit(b.ctx, p, o, broken) }
	}
	out, err := call()
	if err == nil && !out.failed() {
		err = errors.New("a batch of garbage is accepted")
	}
	return err
}
