// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/prepare"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/quality"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// preparedCellsKey is the key of the output schema's metadata that tells how
// many cells were filled with statistics of all rows seen at fit. A kernel that
// cross-validates downstream warns when it is above 0.
const preparedCellsKey = "bulkhead.prepared_cells"

func prepareKernel() kernel.Kernel {
	return kernel.Kernel{
		Name:         "prepare",
		Summary:      "Impute, encode and scale columns; score the quality of the table.",
		Compartment:  kernel.Data,
		Config:       prepare.Options{},
		Fits:         true,
		Transforms:   true,
		RowWise:      true,
		StateVersion: prepare.StateVersion, MinStateVersion: prepare.MinStateVersion,
		New: newPreparer,
	}
}

// preparer is one call of data.prepare.
type preparer struct {
	setup   *kernel.Setup
	opt     prepare.Options
	weights map[string]float64
	plan    *prepare.Plan
}

func newPreparer(s *kernel.Setup) (kernel.Instance, error) {
	p := &preparer{setup: s}
	if err := s.Config(&p.opt); err != nil {
		return nil, err
	}
	weights, err := quality.Weights(p.opt.QualityWeights)
	if err != nil {
		return nil, diag.Errorf("Unusable weights of the quality score", "%v.", err).At("quality_weights")
	}
	p.weights = weights
	return p, nil
}

// Validate checks the schema before any data moves.
func (p *preparer) Validate() error {
	if len(table.Features(p.setup.Schema)) == 0 {
		return diag.Errorf("No feature columns", "The input has %d columns and none of them is a feature. Give the source a table with columns besides the target.", p.setup.Schema.NumFields())
	}
	var strange []string
	for _, i := range assessed(p.setup.Schema) {
		if f := p.setup.Schema.Field(i); !preparable(f.Type) {
			strange = append(strange, fmt.Sprintf("%s (%s)", f.Name, f.Type))
		}
	}
	if len(strange) > 0 {
		return diag.Errorf("Columns that cannot be prepared", "data.prepare takes numbers, booleans and text, and not %s. Leave them out at the source, or read them as another type.", list(strange))
	}
	return nil
}

// OutputSchema is known once the plan is.
func (p *preparer) OutputSchema() (*arrow.Schema, error) {
	if p.plan == nil {
		return nil, nil
	}
	return p.outputSchema(p.setup.Schema), nil
}

// Fit assesses the quality of all rows and decides what happens to each column.
func (p *preparer) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	batches, err := in.ReadAll()
	if err != nil {
		return nil, err
	}
	if in.Rows() == 0 {
		return nil, emptyTable()
	}
	all := columnsOf(p.setup.Schema, batches, assessed(p.setup.Schema))
	assessment := quality.Assess(all.columns, targetName(p.setup.Schema), p.weights)
	report := fitReport(assessment, in.Rows(), p.setup.Schema)
	if err := p.gate(assessment); err != nil {
		return report, err
	}
	if err := ctx.Err(); err != nil {
		return report, err
	}
	features, dropped, err := p.trainingRows(batches)
	if err != nil {
		return report, err
	}
	p.plan, err = prepare.Fit(features.columns, p.opt, passing(p.setup.Schema))
	if err != nil {
		return report, planError(err)
	}
	p.plan.QualityScore, p.plan.Breakdown = assessment.Score, assessment.Breakdown
	p.describe(report, features.rounded, dropped)
	return report, nil
}

// trainingRows are the feature columns of the rows that have a target.
func (p *preparer) trainingRows(batches []arrow.RecordBatch) (converted, int64, error) {
	kept, dropped := make([]arrow.RecordBatch, 0, len(batches)), int64(0)
	for _, b := range batches {
		k, n, err := withTarget(b)
		if err != nil {
			return converted{}, 0, err
		}
		kept, dropped = append(kept, k), dropped+n
	}
	out := columnsOf(p.setup.Schema, kept, table.Features(p.setup.Schema))
	if len(out.columns) > 0 && out.columns[0].Len() == 0 {
		return out, dropped, diag.Errorf("No row has a target", "All %d rows miss a value in the target %q. Check which column the source names as target.", dropped, targetName(p.setup.Schema))
	}
	p.setup.Drop(dropped)
	return out, dropped, nil
}

// gate applies the quality threshold.
func (p *preparer) gate(a quality.Assessment) error {
	if a.Score >= p.opt.QualityThreshold {
		return nil
	}
	d := lowQuality(a, p.opt.QualityThreshold)
	if p.opt.OnLowQuality == prepare.OnLowWarn {
		d.Severity = diag.Warning
		p.setup.Diagnose(d)
		return nil
	}
	return d
}

func planError(err error) error {
	if errors.Is(err, prepare.ErrNoColumns) {
		return diag.Errorf("No feature column is left", "%v. Relax the setting that drops them: drop_empty, drop_constant or max_categories.", err)
	}
	return diag.Errorf("A column cannot be prepared", "%v.", err)
}

// Save returns the plan.
func (p *preparer) Save() ([]byte, error) {
	return p.plan.Encode(state.Header{
		Plugin: version.Version, Input: state.Columns(p.setup.Schema), Seed: p.setup.Seed, Metrics: map[string]float64{"quality_score": p.plan.QualityScore},
	})
}

// Load reads a plan that Save wrote.
func (p *preparer) Load(data []byte) (err error) {
	p.plan, err = prepare.Decode(data)
	return err
}

// Transform applies the plan batch by batch.
func (p *preparer) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	index, extra, err := p.locate(in.Schema())
	if err != nil {
		return nil, err
	}
	schema := p.outputSchema(in.Schema())
	done := tally{}
	err = in.Each(func(b arrow.RecordBatch) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return p.transformBatch(b, in.Row(), index, schema, out, &done)
	})
	if err != nil {
		return nil, err
	}
	return p.transformReport(in, out, schema, done, extra), nil
}

// tally counts over the batches of one transform.
type tally struct {
	prepare.Counts
	missingTarget int64
	rounded       int
}

func (p *preparer) transformBatch(batch arrow.RecordBatch, first int64, index []int, schema *arrow.Schema, out *kernel.Writer, done *tally) error {
	kept, dropped, err := withTarget(batch)
	if err != nil {
		return err
	}
	p.setup.Drop(dropped)
	done.missingTarget += dropped
	if kept.NumRows() == 0 {
		return nil
	}
	c := columnsOf(p.setup.Schema, []arrow.RecordBatch{kept}, index)
	done.rounded += c.rounded
	prepared, err := p.plan.Apply(c.columns, &done.Counts)
	if err != nil {
		return applyError(err)
	}
	return out.WriteFrom(assemble(schema, prepared, kept), origins(targeted(batch), first))
}

func applyError(err error) error {
	if u, ok := errors.AsType[*prepare.UnknownError](err); ok {
		return diag.Errorf("Text value that did not occur at fit", "%v.", u).At("unknown")
	}
	return diag.Errorf("Columns differ from those of the fit", "%v. Fit the kernel again on this table.", err)
}

// locate finds the columns of the fit by name. Features that were not fitted
// are left out and named.
func (p *preparer) locate(s *arrow.Schema) (index []int, extra []string, err error) {
	fitted := map[string]bool{}
	extra = []string{} // a list in the report, also when empty
	for _, cp := range p.plan.Columns {
		at := s.FieldIndices(cp.Name)
		if len(at) == 0 {
			return nil, nil, diag.Errorf("Missing column", "Column %q was fitted and is not in the input. Give the column, or fit the kernel again.", cp.Name)
		}
		index = append(index, at[0])
		fitted[cp.Name] = true
	}
	for _, i := range table.Features(s) {
		if name := s.Field(i).Name; !fitted[name] {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		p.setup.Diagnose(diag.Warningf("Columns left out", "%d columns were not there at fit and are left out: %s.", len(extra), list(extra)))
	}
	return index, extra, nil
}

// assessed are the columns whose quality counts: features and target. Ids and
// weights are not data to learn from, and an id would hide duplicate rows.
func assessed(s *arrow.Schema) []int {
	index := table.Features(s)
	if t := table.TargetIndex(s); t >= 0 {
		index = append(index, t)
	}
	return index
}

func targetName(s *arrow.Schema) string {
	if t := table.TargetIndex(s); t >= 0 {
		return s.Field(t).Name
	}
	return ""
}

// passing are the names of columns that pass through untouched.
func passing(s *arrow.Schema) []string {
	var out []string
	for _, f := range s.Fields() {
		if table.Role(f) != table.RoleFeature {
			out = append(out, f.Name)
		}
	}
	return out
}

// converted are columns out of batches, with what the conversion rounded.
type converted struct {
	columns []frame.Column
	rounded int // whole numbers beyond 2^53, which float64 cannot hold exactly
}
