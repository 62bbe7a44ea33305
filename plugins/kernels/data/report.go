// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/prepare"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/quality"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// fitReport begins the report of a fit with what was measured on the input.
func fitReport(a quality.Assessment, rows int64, s *arrow.Schema) kernel.Report {
	return kernel.Report{
		"quality_score":           a.Score,
		"quality_score_breakdown": a.Breakdown,
		"metadata": map[string]any{
			"quality_assessment": a,
			"input_shape":        []int64{rows, int64(s.NumFields())},
			"fitted":             false,
		},
	}
}

// describe adds what was decided to the report of a fit, and tells the user
// what they would want to know.
func (p *preparer) describe(report kernel.Report, rounded int, dropped int64) {
	outputs := 0
	droppedColumns := map[string]string{}
	for _, cp := range p.plan.Columns {
		outputs += len(cp.Outputs)
		if cp.Drop != "" {
			droppedColumns[cp.Name] = cp.Drop
		}
		if cp.Fallback != "" {
			p.setup.Diagnose(diag.Warningf("Column filled in another way", "Column %q: %s.", cp.Name, cp.Fallback))
		}
		if cp.Infinite > 0 {
			p.setup.Diagnose(diag.Warningf("Infinite values", "Column %q holds %d infinite values, which count as missing.", cp.Name, cp.Infinite))
		}
	}
	p.warnDropped(droppedColumns, dropped)
	meta := report["metadata"].(map[string]any)
	meta["fitted"] = true
	meta["preprocessor_type"] = p.preprocessorType()
	meta["output_shape"] = []int{p.plan.RowsSeen, outputs + len(passing(p.setup.Schema))}
	meta["columns"] = p.plan.Columns
	meta["dropped_columns"] = droppedColumns
	meta["rows_dropped_missing_target"] = dropped
	meta["imputed_cells"] = p.plan.ImputedCells
	meta["rounded_integers"] = rounded
	report["processed_data"] = map[string]any{"rows": p.plan.RowsSeen, "features": outputs}
}

func (p *preparer) warnDropped(columns map[string]string, rows int64) {
	for _, cp := range p.plan.Columns {
		if reason := columns[cp.Name]; reason != "" {
			p.setup.Diagnose(diag.Warningf("Column dropped", "Column %q is left out: %s (%d distinct values in %d rows).", cp.Name, strings.ReplaceAll(reason, "_", " "), cp.Distinct, p.plan.RowsSeen))
		}
	}
	if rows > 0 {
		p.setup.Diagnose(diag.Warningf("Rows dropped", "%d rows miss a value in the target %q and are left out.", rows, targetName(p.setup.Schema)))
	}
}

// preprocessorType names the steps that are on, in their order.
func (p *preparer) preprocessorType() string {
	steps := []string{"impute_" + p.opt.Impute}
	if p.opt.OneHot {
		steps = append(steps, "one_hot")
	}
	return strings.Join(append(steps, "scale_"+p.opt.Scale), "+")
}

// transformReport ends a transform. The quality score is that of the fit: a
// batch that is scored as it passes would say nothing about duplicates.
func (p *preparer) transformReport(in *kernel.Reader, out *kernel.Writer, schema *arrow.Schema, done tally, extra []string) kernel.Report {
	if n := len(done.UnknownCategories); n > 0 {
		p.setup.Diagnose(diag.Warningf("Text values that did not occur at fit", "%d columns hold such values; they set no indicator: %s.", n, cells(done.UnknownCategories, p.plan)))
	}
	if done.UnknownCategories == nil {
		done.UnknownCategories = map[string]int{}
	}
	return kernel.Report{
		"quality_score":           p.plan.QualityScore,
		"quality_score_breakdown": p.plan.Breakdown,
		"processed_data":          map[string]any{"rows": out.Rows(), "features": len(table.Features(schema))},
		"metadata": map[string]any{
			"preprocessor_type":           p.preprocessorType(),
			"input_shape":                 []int64{in.Rows(), int64(in.Schema().NumFields())},
			"output_shape":                []int64{out.Rows(), int64(schema.NumFields())},
			"imputed_cells":               done.ImputedCells,
			"infinite_cells":              done.InfiniteCells,
			"missing_cells_left":          done.LeftMissing,
			"unknown_categories":          done.UnknownCategories,
			"rows_dropped_missing_target": done.missingTarget,
			"rounded_integers":            done.rounded,
			"ignored_columns":             extra,
		},
	}
}

// cells lists counts by column in the order of the fit.
func cells(counts map[string]int, plan *prepare.Plan) string {
	var parts []string
	for _, cp := range plan.Columns {
		if n := counts[cp.Name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s (%d cells)", cp.Name, n))
		}
	}
	return list(parts)
}

// list joins names, the first ten of many.
func list(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// lowQuality says what pulls the score down and what to do about it.
func lowQuality(a quality.Assessment, threshold float64) *diag.Diagnostic {
	var worst []string
	for _, c := range a.WorstColumns {
		fault := fmt.Sprintf("%.0f %% unusable", 100*(1-c.Usable))
		if c.Constant {
			fault += ", constant"
		}
		worst = append(worst, fmt.Sprintf("%s (%s)", c.Name, fault))
	}
	where := "No column stands out."
	if len(worst) > 0 {
		where = "The worst columns: " + list(worst) + "."
	}
	return diag.Errorf("Quality below the threshold",
		"The table scores %.3f and quality_threshold asks for %.3f: %d missing and %d infinite cells, %d duplicate rows, %d constant columns in %d rows of %d columns. %s Repair these columns, lower quality_threshold, or set on_low_quality to \"warn\".",
		a.Score, threshold, a.MissingCells, a.InfiniteCells, a.DuplicateRows, a.ConstantColumns, a.Rows, a.Columns, where).At("quality_threshold")
}
