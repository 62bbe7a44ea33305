// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// run holds a plugin to the fixture.
func (f *Fixture) run(b *bench) error {
	switch {
	case f.Facts != nil:
		return f.runChecks(b)
	case f.Machine != nil:
		return f.runCollectors(b)
	}
	return f.runKernel(b)
}

// sample is a table of a fixture as the suite's own are.
func (t *Table) sample() (sample, error) {
	batch, err := t.record()
	if err != nil {
		return sample{}, err
	}
	s := sample{schema: batch.Schema()}
	for from := int64(0); from < batch.NumRows(); from += sampleRows {
		s.add(batch.NewSlice(from, min(from+sampleRows, batch.NumRows())))
	}
	return s, nil
}

// sampleRows is how many rows of a fixture travel together.
const sampleRows = 10_000

func (f *Fixture) runKernel(b *bench) error {
	p, kernels, err := b.kernels()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kernels, func(k *pluginv1.KernelDescription) bool { return k.GetName() == f.Kernel })
	if i < 0 {
		return fmt.Errorf("the plugin has no kernel %q", f.Kernel)
	}
	last, err := f.call(b, p, kernels[i])
	if err != nil {
		return err
	}
	return f.compareCall(last)
}

// call fits and transforms, and returns the last outcome: that of the transform,
// or the one that refused.
func (f *Fixture) call(b *bench, p *Plugin, k *pluginv1.KernelDescription) (*outcome, error) {
	config := merged(k.GetConfig(), f.Settings)
	var state []byte
	if k.GetFits() {
		fitted, err := f.step(b, p, k, cmp.Or(f.Fit, f.Input), config, nil, true)
		if err != nil || fitted.failed() || f.Input == nil {
			return fitted, err
		}
		state = fitted.state
	}
	if f.Input == nil || !k.GetTransforms() {
		return nil, fmt.Errorf("kernel %q does not do what the fixture asks: it fits (%v) and transforms (%v)", k.GetName(), k.GetFits(), k.GetTransforms())
	}
	return f.step(b, p, k, f.Input, config, state, false)
}

// step makes one call with one table.
func (f *Fixture) step(b *bench, p *Plugin, k *pluginv1.KernelDescription, t *Table, config, state []byte, fits bool) (*outcome, error) {
	s, err := t.sample()
	if err != nil {
		return nil, err
	}
	o, err := b.open(k, config, s.schema)
	if err != nil {
		return nil, err
	}
	o.Seed = cmp.Or(f.Seed, b.seed)
	wire, err := encode(s.batches)
	if err != nil {
		return nil, err
	}
	if fits {
		return fit(b.ctx, p, o, wire)
	}
	out, err := transform(b.ctx, p, o, state, wire)
	if err == nil && !out.failed() {
		err = addsUp(s, out)
	}
	return out, err
}

// compareCall compares the outcome of a kernel's call.
func (f *Fixture) compareCall(o *outcome) error {
	e := f.Expect
	if e.Error != "" || o.failed() {
		return f.compareError(o)
	}
	errs := []error{f.compareReport(o.result.GetReportJson())}
	if e.Output != nil {
		errs = append(errs, f.compareOutput(o))
	}
	if e.Dropped != nil && *e.Dropped != o.result.GetRowsDropped() {
		errs = append(errs, fmt.Errorf("rows dropped: expected %d, got %d", *e.Dropped, o.result.GetRowsDropped()))
	}
	if e.Rejected != nil {
		errs = append(errs, compareRejected(e.Rejected, o.rejected))
	}
	return errors.Join(errs...)
}

func (f *Fixture) compareError(o *outcome) error {
	switch want := f.Expect.Error; {
	case want == "":
		return fmt.Errorf("the kernel refuses the call: %s", o.said())
	case !o.failed():
		return fmt.Errorf("expected an error with %q, got none", want)
	case !strings.Contains(o.said(), want):
		return fmt.Errorf("expected an error with %q, got %q", want, o.said())
	}
	return nil
}

func compareRejected(want []Reject, got []*pluginv1.RejectedRow) error {
	same := slices.EqualFunc(want, got, func(w Reject, g *pluginv1.RejectedRow) bool {
		return w.Row == g.GetRow() && (w.Rule == "" || w.Rule == g.GetRule()) && (w.Column == "" || w.Column == g.GetColumn())
	})
	if same {
		return nil
	}
	var found []Reject
	for _, g := range got {
		found = append(found, Reject{g.GetRow(), g.GetRule(), g.GetColumn()})
	}
	return fmt.Errorf("rows put aside: expected %+v, got %+v", want, found)
}

// compareReport compares the keys that are named.
func (f *Fixture) compareReport(report []byte) error {
	if f.Expect.Report == nil {
		return nil
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(report, &got); err != nil {
		return fmt.Errorf("the report is no JSON object: %w", err)
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(f.Expect.Report)) {
		want := f.Expect.Report[key]
		if value, ok := got[key]; !ok {
			errs = append(errs, fmt.Errorf("report: expected %s = %s, got no such key", key, want))
		} else if !f.Tolerance.sameJSON(want, value) {
			errs = append(errs, fmt.Errorf("report: expected %s = %s, got %s%s", key, want, value, f.Tolerance))
		}
	}
	return errors.Join(errs...)
}

func (f *Fixture) compareOutput(o *outcome) error {
	want, err := f.Expect.Output.record()
	if err != nil {
		return fmt.Errorf("the expected output: %w", err)
	}
	batches, err := o.rows()
	if err != nil {
		return err
	}
	columns, err := o.decodedColumns()
	if err != nil {
		return err
	}
	return f.Tolerance.compareTables(want, columns, batches)
}

// decodedColumns are the columns of the output; none when the kernel told none.
func (o *outcome) decodedColumns() (*arrow.Schema, error) {
	if o.columns() == nil {
		return arrow.NewSchema(nil, nil), nil
	}
	return decodeSchema(o.columns())
}

// runChecks judges the facts of the fixture.
func (f *Fixture) runChecks(b *bench) error {
	d, err := b.describe()
	if err != nil {
		return err
	}
	if len(d.GetChecks()) == 0 {
		return errors.New("the plugin has no checks")
	}
	p, err := b.plugin()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.ctx, p.callTime())
	defer cancel()
	resp, err := pluginv1.NewCheckerServiceClient(p.Conn).Check(ctx, f.checkRequest(d))
	if err != nil {
		return fmt.Errorf("checking failed: %w", err)
	}
	return errors.Join(whole(d, resp), compareFindings(*f.Expect.Findings, resp.GetFindings()))
}

func (f *Fixture) checkRequest(d *pluginv1.DescribeResponse) *pluginv1.CheckRequest {
	req := &pluginv1.CheckRequest{ConfigJson: map[string][]byte{}}
	for _, address := range slices.Sorted(maps.Keys(f.Facts)) {
		req.Facts = append(req.Facts, &pluginv1.Fact{Address: address, ValueJson: f.Facts[address]})
	}
	for _, c := range d.GetChecks() {
		var own map[string]json.RawMessage
		_ = json.Unmarshal(f.Settings[c.GetCode()], &own) // what is no object becomes the defaults
		req.ConfigJson[c.GetCode()] = merged(c.GetConfig(), own)
	}
	return req
}

func compareFindings(want []Found, got []*pluginv1.Finding) error {
	byCode := func(a, b *pluginv1.Finding) int {
		return cmp.Or(strings.Compare(a.GetCode(), b.GetCode()), strings.Compare(a.GetSubject(), b.GetSubject()))
	}
	got = slices.SortedFunc(slices.Values(got), byCode)
	if slices.EqualFunc(want, got, Found.is) {
		return nil
	}
	var found []Found
	for _, g := range got {
		found = append(found, Found{g.GetCode(), severity(g), g.GetSubject(), g.GetDetail()})
	}
	return fmt.Errorf("findings: expected %+v, got %+v", want, found)
}

func severity(f *pluginv1.Finding) string {
	return strings.ToLower(strings.TrimPrefix(f.GetSeverity().String(), "SEVERITY_"))
}

func (w Found) is(g *pluginv1.Finding) bool {
	return w.Code == g.GetCode() && (w.Severity == "" || w.Severity == severity(g)) &&
		(w.Subject == "" || w.Subject == g.GetSubject()) && strings.Contains(g.GetDetail(), w.Detail)
}

// runCollectors looks at the machine of the fixture.
func (f *Fixture) runCollectors(b *bench) error {
	dir, err := machine(f.Machine)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return b.with(dir, func(p *Plugin) error {
		resp, err := callCollect(b.ctx, p)
		if err != nil {
			return fmt.Errorf("collecting failed: %w", err)
		}
		return f.compareFacts(resp.GetFacts())
	})
}

func (f *Fixture) compareFacts(facts []*pluginv1.Fact) error {
	got := map[string]*pluginv1.Fact{}
	for _, fact := range facts {
		got[fact.GetAddress()] = fact
	}
	var errs []error
	for _, address := range slices.Sorted(maps.Keys(f.Expect.Facts)) {
		want, found := f.Expect.Facts[address], got[address]
		switch {
		case string(want) == "null":
			if found != nil {
				errs = append(errs, fmt.Errorf("fact %s: expected none, got %s", address, found.GetValueJson()))
			}
		case found == nil:
			errs = append(errs, fmt.Errorf("fact %s: expected %s, got none", address, want))
		case !f.Tolerance.sameJSON(want, found.GetValueJson()):
			errs = append(errs, fmt.Errorf("fact %s: expected %s, got %s%s", address, want, cmp.Or(string(found.GetValueJson()), "unknown: "+found.GetUnknown()), f.Tolerance))
		}
	}
	return errors.Join(errs...)
}
