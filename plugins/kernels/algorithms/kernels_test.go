// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/race"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// dataset is a reference set as one record; classes become whole numbers.
func dataset(t testing.TB, name string, classes bool) arrow.RecordBatch {
	t.Helper()
	x, y := fixture.Values(t, name)
	cols := make([]given.Column, x.Cols+1)
	for j := range x.Cols {
		cols[j] = given.Col("x"+string(rune('a'+j%26))+string(rune('a'+j/26)), "")
		for i := range x.Rows {
			cols[j].Cells = append(cols[j].Cells, x.Row(i)[j])
		}
	}
	target := given.Col("y", table.RoleTarget)
	for _, v := range y.Values {
		if classes {
			target.Cells = append(target.Cells, int(v))
		} else {
			target.Cells = append(target.Cells, v)
		}
	}
	cols[x.Cols] = target
	return given.Table(t, cols...)
}

// call is one fit, and its transform of the same rows.
type call struct {
	setup  *kernel.Setup
	report kernel.Report
	err    error
	inst   kernel.Fitter
}

func find(t testing.TB, name string) kernel.Kernel {
	t.Helper()
	for _, k := range kernels() {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kernel %q", name)
	return kernel.Kernel{}
}

func fit(t testing.TB, name, config string, budget time.Duration, batch arrow.RecordBatch) call {
	t.Helper()
	k := find(t, name)
	setup := kernel.NewSetup(batch.Schema(), given.Settings(t, k, config))
	setup.Budget = budget
	inst, err := k.New(setup)
	if err != nil {
		return call{setup: setup, err: err}
	}
	f := inst.(kernel.Fitter)
	report, err := f.Fit(context.Background(), kernel.FromBatches(batch.Schema(), batch))
	if _, jsonErr := json.Marshal(report); jsonErr != nil {
		t.Errorf("the report is not JSON: %v", jsonErr)
	}
	return call{setup: setup, report: report, err: err, inst: f}
}

// transform loads the state of a fit in a fresh instance.
func transform(t testing.TB, c call, name string, batch arrow.RecordBatch) (kernel.Report, arrow.RecordBatch, error) {
	t.Helper()
	state, err := c.inst.Save()
	if err != nil {
		t.Fatal(err)
	}
	given.Told(t, state)
	k := find(t, name)
	inst, err := k.New(kernel.NewSetup(batch.Schema(), given.Settings(t, k, "")))
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.(kernel.Fitter).Load(state); err != nil {
		t.Fatal(err)
	}
	var got arrow.RecordBatch
	report, err := inst.(kernel.Transformer).Transform(context.Background(), kernel.FromBatches(batch.Schema(), batch),
		kernel.NewWriter(func(b arrow.RecordBatch) error { b.Retain(); got = b; return nil }))
	return report, got, err
}

func (c call) warned(summary string) bool {
	for _, d := range c.setup.Diagnostics() {
		if d.Summary == summary && d.Severity == diag.Warning {
			return true
		}
	}
	return false
}

func TestAutoOnBreastCancer(t *testing.T) {
	batch := dataset(t, "breast_cancer", true)
	start := time.Now()
	c := fit(t, "auto", "", 0, batch)
	if c.err != nil {
		t.Fatal(c.err)
	}
	t.Logf("fit took %v", time.Since(start))
	meta := c.report["metadata"].(map[string]any)
	if meta["model_type"] != "logistic_std" || meta["beats_baseline"] != true {
		t.Errorf("metadata %v", meta)
	}
	metrics := c.report["metrics"].(map[string]any)
	if math.Abs(metrics["accuracy"].(float64)-0.9806862288) > 1e-9 {
		t.Errorf("accuracy %v", metrics["accuracy"])
	}
	board := c.report["leaderboard"].([]race.Entry)
	if len(board) != 4 || board[3].Name != "dummy_prior" || board[0].Rank != 1 {
		t.Errorf("leaderboard %+v", board)
	}
	report, out, err := transform(t, c, "auto", batch)
	if err != nil {
		t.Fatal(err)
	}
	checkPredictions(t, report, out, batch)
}

// checkPredictions expects 562 of 569 hits, the training accuracy of the reference.
func checkPredictions(t *testing.T, report kernel.Report, out, in arrow.RecordBatch) {
	t.Helper()
	n := int(in.NumCols())
	if int(out.NumCols()) != n+3 || table.Role(out.Schema().Field(n)) != table.RolePrediction {
		t.Fatalf("output columns %v", out.Schema())
	}
	want, got := in.Column(n-1).(*array.Int64), out.Column(n).(*array.Int64)
	p0, p1 := out.Column(n+1).(*array.Float64), out.Column(n+2).(*array.Float64)
	hits := 0
	for i := range got.Len() {
		if got.Value(i) == want.Value(i) {
			hits++
		}
		if math.Abs(p0.Value(i)+p1.Value(i)-1) > 1e-12 {
			t.Fatalf("probabilities of row %d sum to %v", i, p0.Value(i)+p1.Value(i))
		}
	}
	if hits != 562 {
		t.Errorf("%d hits on the training rows, reference 562", hits)
	}
	if p := report["predictions"].(map[string]any); p["rows"] != 569 || p["column"] != "prediction" {
		t.Errorf("predictions %v", p)
	}
}

func TestAutoOnDiabetes(t *testing.T) {
	c := fit(t, "auto", "", 0, dataset(t, "diabetes", false))
	if c.err != nil {
		t.Fatal(c.err)
	}
	meta := c.report["metadata"].(map[string]any)
	if meta["model_type"] != "ols" && meta["model_type"] != "ridge_a0.1" {
		t.Errorf("winner %v", meta["model_type"])
	}
	if !strings.Contains(c.report["verdict"].(string), "No significant difference from the runner-up") {
		t.Errorf("verdict %q", c.report["verdict"])
	}
}

func TestSingleKernels(t *testing.T) {
	iris, diabetes := dataset(t, "iris", true), dataset(t, "diabetes", false)
	cases := []struct {
		kernel, config string
		batch          arrow.RecordBatch
		metric         string
		want           float64
	}{
		{"logistic", "", iris, "accuracy", .96},
		{"knn", "", iris, "accuracy", .96},
		{"knn", `{"scale_in_fold": false}`, iris, "accuracy", .9733333333},
		{"dummy", "", iris, "accuracy", .3333333333},
		{"ridge", "", diabetes, "r2", .4101749713},
		{"ridge", `{"alpha": 0}`, diabetes, "r2", .4823164359},
		{"knn", `{"k": 10, "weights": "distance", "scale_in_fold": false, "task": "regression"}`, diabetes, "r2", .4316038564},
	}
	for _, c := range cases {
		got := fit(t, c.kernel, c.config, 0, c.batch)
		if got.err != nil {
			t.Errorf("%s %s: %v", c.kernel, c.config, got.err)
			continue
		}
		if v := got.report["metrics"].(map[string]any)[c.metric].(float64); math.Abs(v-c.want) > 1e-9 {
			t.Errorf("%s %s: %s = %v, want %v", c.kernel, c.config, c.metric, v, c.want)
		}
		if _, _, err := transform(t, got, c.kernel, c.batch); err != nil {
			t.Errorf("%s %s: transform: %v", c.kernel, c.config, err)
		}
	}
}

func TestTinyBudgetStillReturnsAModel(t *testing.T) {
	c := fit(t, "auto", "", time.Nanosecond, dataset(t, "digits", true))
	if c.err != nil {
		t.Fatal(c.err)
	}
	board := c.report["leaderboard"].([]race.Entry)
	if board[0].Name != "dummy_prior" || board[0].Status != race.OK {
		t.Errorf("winner %+v", board[0])
	}
	for _, e := range board[1:] {
		if e.Status != race.Skipped || e.Reason == "" || e.Rank != 0 {
			t.Errorf("entry %+v", e)
		}
	}
	if !c.warned("A model is out of the race") {
		t.Error("no warning about skipped models")
	}
}

// repeat makes n cells out of a cycle.
func repeat(n int, cells ...any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = cells[i%len(cells)]
	}
	return out
}

func TestLabelsOfEveryType(t *testing.T) {
	x := given.Col("x", "", repeat(40, 0.0, 1.0)...)
	for _, labels := range [][]any{{"no", "yes"}, {false, true}, {3, 7}, {1.5, 2.5}} {
		batch := given.Table(t, x, given.Col("y", table.RoleTarget, repeat(40, labels...)...))
		c := fit(t, "knn", `{"task": "classification"}`, 0, batch)
		if c.err != nil {
			t.Fatal(c.err)
		}
		_, out, err := transform(t, c, "knn", batch)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := out.Column(2), batch.Column(1); !array.Equal(got, want) {
			t.Errorf("labels %v: predicted %v", labels, got)
		}
	}
}

func TestPreparedCellsWarn(t *testing.T) {
	x, y := given.Col("x", "", repeat(40, 0.0, 1.0)...), given.Col("y", table.RoleTarget, repeat(40, "a", "b")...)
	for n, want := range map[string]bool{"": false, "0": false, "12": true, "many": false} {
		meta := map[string]string{preparedCellsKey: n}
		if c := fit(t, "knn", "", 0, given.TableWith(t, meta, x, y)); c.warned("Scores may be slightly optimistic") != want {
			t.Errorf("prepared cells %q: warned %v", n, !want)
		}
	}
}

func TestNothingBeatsTheBaseline(t *testing.T) {
	x := given.Col("x", "", repeat(60, 1.0)...)
	y := given.Col("y", table.RoleTarget, repeat(60, "a", "b", "a")...)
	c := fit(t, "auto", "", 0, given.Table(t, x, y))
	if c.err != nil {
		t.Fatal(c.err)
	}
	if !c.warned("Nothing is significantly better than the baseline") || c.report["metadata"].(map[string]any)["beats_baseline"] != false {
		t.Errorf("verdict %q", c.report["verdict"])
	}
}

func TestBadInput(t *testing.T) {
	num := func(name string, cells ...any) given.Column { return given.Col(name, "", repeat(20, cells...)...) }
	target := func(cells ...any) given.Column { return given.Col("y", table.RoleTarget, repeat(20, cells...)...) }
	cases := []struct {
		name, kernel, config string
		cols                 []given.Column
		want                 []string
	}{
		{"empty table", "auto", "", []given.Column{given.Col("x", ""), given.Col("y", table.RoleTarget)}, []string{"Empty table"}},
		{"no target", "auto", "", []given.Column{num("x", 1.0, 2.0)}, []string{"No target", "source"}},
		{"no features", "auto", "", []given.Column{target("a", "b")}, []string{"No feature columns"}},
		{"text feature", "auto", "", []given.Column{num("city", "Oslo", "Rome"), target("a", "b")}, []string{"Text columns", "city", "one_hot", "data.prepare"}},
		{"missing values", "auto", "", []given.Column{num("age", 1.0, nil), num("ok", 1.0), target("a", "b")}, []string{"age (10 of 20 rows)", "data.prepare"}},
		{"infinite values", "auto", "", []given.Column{num("age", 1.0, math.Inf(1), 2.0, 3.0), target("a", "b")}, []string{"age (5 of 20 rows)"}},
		{"missing targets", "auto", "", []given.Column{num("x", 1.0), target("a", nil)}, []string{"Missing targets", "10 of 20"}},
		{"one class", "auto", "", []given.Column{num("x", 1.0), target("a")}, []string{"A single class", `"a"`}},
		{"small class", "auto", "", []given.Column{num("x", 1.0), given.Col("y", table.RoleTarget, append(repeat(18, "a"), "b", "b")...)}, []string{"Too few rows in a class", "b (2)"}},
		{"constant target", "auto", "", []given.Column{num("x", 1.0), target(1.5)}, []string{"Constant target", "1.5"}},
		{"one row", "auto", "", []given.Column{given.Col("x", "", 1.0), given.Col("y", table.RoleTarget, 1.5)}, []string{"Too few rows", "1 rows cannot fill 5 folds"}},
		{"regression on text", "knn", `{"task": "regression"}`, []given.Column{num("x", 1.0), target("a", "b")}, []string{"is text"}},
		{"ridge on text", "ridge", "", []given.Column{num("x", 1.0), target("a", "b")}, []string{"is text"}},
		{"k too large", "knn", `{"k": 100}`, []given.Column{num("x", 1.0, 2.0), target("a", "b")}, []string{"k is 100 but only 16 training rows"}},
		{"penalty of 0", "logistic", `{"c": 0}`, []given.Column{num("x", 1.0, 2.0), target("a", "b")}, []string{"above 0"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := fit(t, c.kernel, c.config, 0, given.Table(t, c.cols...))
			if got.err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(got.err.Error(), w) {
					t.Errorf("error %q lacks %q", got.err, w)
				}
			}
		})
	}
}

func TestTransformRefuses(t *testing.T) {
	y := given.Col("y", table.RoleTarget, repeat(40, "a", "b")...)
	c := fit(t, "knn", "", 0, given.Table(t, given.Col("x", "", repeat(40, 0.0, 1.0)...), y))
	for want, column := range map[string]given.Column{
		"Missing column": given.Col("z", "", repeat(3, 1.0)...),
		"Text column":    given.Col("x", "", repeat(3, "a")...),
		"Missing values": given.Col("x", "", repeat(3, nil)...),
	} {
		if _, _, err := transform(t, c, "knn", given.Table(t, column)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

// Transform needs no target and does not mind the order of columns.
func TestTransformNewRows(t *testing.T) {
	a, b := given.Col("a", "", repeat(40, 0.0, 1.0)...), given.Col("b", "", repeat(40, 5.0)...)
	y := given.Col("y", table.RoleTarget, repeat(40, "lo", "hi")...)
	c := fit(t, "knn", "", 0, given.Table(t, a, b, y))
	_, out, err := transform(t, c, "knn", given.Table(t, given.Col("b", "", 5.0), given.Col("prediction", "", 9.0), given.Col("a", "", 1.0)))
	if err != nil {
		t.Fatal(err)
	}
	if f := out.Schema().Field(3); f.Name != "prediction_2" || out.Column(3).(*array.String).Value(0) != "hi" {
		t.Errorf("column %s holds %v", f.Name, out.Column(3))
	}
}

// Whole numbers and booleans are features like any other.
func TestFeaturesOfEveryNumericType(t *testing.T) {
	y := given.Col("y", table.RoleTarget, repeat(40, "lo", "hi")...)
	for _, cells := range [][]any{{1, 2}, {false, true}, {1.5, 2.5}} {
		c := fit(t, "logistic", "", 0, given.Table(t, given.Col("x", "", repeat(40, cells...)...), y))
		if c.err != nil || c.report["metrics"].(map[string]any)["accuracy"] != 1.0 {
			t.Errorf("features %v: %v, %v", cells, c.err, c.report["metrics"])
		}
	}
}

func TestTaskIsSaid(t *testing.T) {
	x := given.Col("x", "", repeat(30, 1.0, 2.0, 3.0)...)
	y := given.Col("y", table.RoleTarget, repeat(30, 1, 2, 3)...)
	c := fit(t, "auto", "", 0, given.Table(t, x, y))
	if c.err != nil || !c.warned("Ambiguous task") || c.setup.Diagnostics()[0].Summary != "Task: regression" {
		t.Errorf("%v, diagnostics %v", c.err, c.setup.Diagnostics())
	}
	settled := fit(t, "auto", `{"task": "classification"}`, 0, given.Table(t, x, y))
	if settled.err != nil || settled.warned("Ambiguous task") || settled.report["metadata"].(map[string]any)["model_type"] == "dummy_prior" {
		t.Errorf("%v, metadata %v", settled.err, settled.report["metadata"])
	}
}

func TestBudgetTooSmallForTheOnlyModel(t *testing.T) {
	c := fit(t, "logistic", "", time.Nanosecond, dataset(t, "iris", true))
	if c.err == nil || !strings.Contains(c.err.Error(), "logistic skipped") || !strings.Contains(c.err.Error(), "Raise the budget") {
		t.Errorf("error %v", c.err)
	}
}

func TestValidateFindsEverythingAtOnce(t *testing.T) {
	batch := given.Table(t, given.Col("city", "", "Oslo"))
	inst, err := find(t, "auto").New(kernel.NewSetup(batch.Schema(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if ds := diag.From("", inst.(kernel.Validator).Validate()); len(ds) != 2 {
		t.Errorf("%d diagnostics, want one for the text and one for the target: %v", len(ds), ds)
	}
}

// Without a budget from the host the race has its own limit.
func TestOwnLimitOfTheRace(t *testing.T) {
	c := fit(t, "auto", `{"max_seconds": 1e-9}`, 0, dataset(t, "digits", true))
	if c.err != nil || c.report["metadata"].(map[string]any)["model_type"] != "dummy_prior" {
		t.Errorf("%v, metadata %v", c.err, c.report["metadata"])
	}
	c = fit(t, "auto", `{"max_seconds": 1e-9}`, time.Minute, dataset(t, "iris", true))
	if c.err != nil || c.report["metadata"].(map[string]any)["budget_seconds"] != 60.0 {
		t.Errorf("the budget of the host does not win: %v", c.report["metadata"])
	}
}
