// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/race"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// report of a fit.
func (l *learner) report(p problem, out *race.Outcome, prepared int) kernel.Report {
	return kernel.Report{
		"model":       l.model(out),
		"metrics":     metrics(out),
		"leaderboard": out.Leaderboard,
		"comparisons": comparisons(out),
		"verdict":     out.Verdict,
		"metadata": map[string]any{
			"model_type":             out.Winner.Name,
			"task_type":              p.decision.Kind,
			"task_reason":            p.decision.Reason,
			"fitted":                 true,
			"folds":                  out.Folds,
			"budget_seconds":         l.budget().Seconds(), // 0 for none
			"primary_metric":         out.Metric,
			"tie_break":              out.TieBreak,
			"beats_baseline":         out.Beaten,
			"rows":                   p.x.Rows,
			"features":               p.x.Cols,
			"target":                 p.column.Name,
			"classes":                p.classes.Names,
			"entrants":               entrants(out),
			"prepared_cells":         prepared,
			"scores_are_out_of_fold": true,
		},
	}
}

// model describes what was fitted.
func (l *learner) model(out *race.Outcome) map[string]any {
	m := out.Model
	d := map[string]any{"name": out.Winner.Name, "kind": m.Spec.Kind, "parameters": m.Spec, "notes": out.Winner.Notes}
	switch {
	case m.Logistic != nil:
		d["converged"], d["iterations"], d["objective"] = m.Logistic.Converged, m.Logistic.Iterations, m.Logistic.Objective
	case m.Ridge != nil:
		d["solver"], d["rank"] = m.Ridge.Solver, m.Ridge.Rank
	case m.Index != nil:
		d["training_rows"] = m.Index.X.Rows
	}
	return d
}

// metrics are the winner's, with the spread of the primary one.
func metrics(out *race.Outcome) map[string]any {
	d := map[string]any{}
	for name, v := range out.Winner.Metrics {
		d[name] = v
	}
	d[out.Metric+"_sd"] = *out.Winner.ScoreSD
	d[out.Metric+"_folds"] = out.Winner.FoldScores
	return d
}

func comparisons(out *race.Outcome) []race.Comparison {
	if out.Comparisons == nil {
		return []race.Comparison{}
	}
	return out.Comparisons
}

// entrants counts statuses; each is named, also at zero.
func entrants(out *race.Outcome) map[race.Status]int {
	n := map[race.Status]int{race.OK: 0, race.Failed: 0, race.Timeout: 0, race.Skipped: 0}
	for _, e := range out.Leaderboard {
		n[e.Status]++
	}
	return n
}

// predictReport ends a transform.
func (l *learner) predictReport(in *kernel.Reader, out *kernel.Writer, schema *arrow.Schema, sum *summary) kernel.Report {
	column := schema.Field(in.Schema().NumFields()).Name
	return kernel.Report{
		"predictions": sum.describe(column),
		"metadata": map[string]any{
			"model_type":   l.saved.Model.Spec.Name,
			"task_type":    l.saved.Model.Kind,
			"fitted":       true,
			"input_shape":  []int64{in.Rows(), int64(in.Schema().NumFields())},
			"output_shape": []int64{out.Rows(), int64(schema.NumFields())},
			"target":       l.saved.Target,
		},
	}
}
