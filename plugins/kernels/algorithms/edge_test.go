// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/race"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// classes is a table of n rows with one feature that tells the classes apart.
func classes(t testing.TB, n int, labels ...any) arrow.RecordBatch {
	t.Helper()
	x := given.Col("x", "")
	for i := range n {
		x.Cells = append(x.Cells, float64(i%len(labels))+math.Sin(float64(i))/10)
	}
	return given.Table(t, x, given.Col("y", table.RoleTarget, repeat(n, labels...)...))
}

// line is a table of n rows with y = 2x + 1.
func line(t testing.TB, n int) arrow.RecordBatch {
	t.Helper()
	x, y := given.Col("x", ""), given.Col("y", table.RoleTarget)
	for i := range n {
		x.Cells, y.Cells = append(x.Cells, float64(i)), append(y.Cells, 2*float64(i)+1)
	}
	return given.Table(t, x, y)
}

// blamed are the settings that the diagnostics of an error name.
func blamed(err error) string {
	var out []string
	for _, d := range diag.From("", err) {
		out = append(out, d.Path...)
	}
	return strings.Join(out, ".")
}

// TestSettingsThatCannotBeMeant: such settings are refused when the kernel is
// made, before any data moves.
func TestSettingsThatCannotBeMeant(t *testing.T) {
	for _, c := range []struct{ kernel, config, want string }{
		{"logistic", `{"c": 0}`, "above 0"},
		{"logistic", `{"c": -1}`, "above 0"},
		{"logistic", `{"c": "1"}`, "c"},
		{"ridge", `{"alpha": "strong"}`, "alpha"},
		{"ridge", `{"c": 1}`, "c"},
		{"knn", `{"k": 2.5}`, "k"},
		{"knn", `{"neighbours": 3}`, "neighbours"},
		{"auto", `{"folds": "five"}`, "folds"},
		{"auto", `{"max_seconds": null, "seed": 1}`, "seed"},
		{"dummy", `{"k": 3}`, "k"},
	} {
		in := classes(t, 20, "a", "b")
		k := find(t, c.kernel)
		if _, err := k.New(kernel.NewSetup(in.Schema(), given.Settings(t, k, c.config))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: error %v, want %q", c.kernel, c.config, err, c.want)
		}
	}
}

// TestErrorsSayWhatToDo: the remedy stands in the detail, and where a setting
// is to blame it is named.
func TestErrorsSayWhatToDo(t *testing.T) {
	target := func(cells ...any) given.Column { return given.Col("y", table.RoleTarget, cells...) }
	x := func(n int) given.Column { return given.Col("x", "", repeat(n, 1.0, 2.0)...) }
	for _, c := range []struct {
		name, kernel, config string
		batch                arrow.RecordBatch
		remedy, setting      string
	}{
		{"folds over rows", "ridge", `{"folds": 20}`, line(t, 10), "lower folds", "folds"},
		{"folds over a class", "auto", `{"folds": 11}`, classes(t, 20, "a", "b"), "lower folds", "folds"},
		{"ids as classes", "knn", `{"task": "classification"}`, line(t, 20), "set task to regression", "folds"},
		{"classes for ridge", "ridge", "", classes(t, 20, "a", "b"), "Use logistic, knn or auto", ""},
		{"numbers of text", "auto", `{"task": "regression"}`, classes(t, 20, "a", "b"), "text", "task"},
		{"one class", "logistic", "", given.Table(t, x(20), target(repeat(20, "a")...)), "Check which column", ""},
		{"one value", "ridge", "", given.Table(t, x(20), target(repeat(20, 3.0)...)), "Check which column", ""},
		{"holes", "auto", "", given.Table(t, given.Col("x", "", repeat(20, 1.0, math.NaN())...), target(repeat(20, "a", "b")...)), "data.prepare", ""},
		{"minus infinity", "auto", "", given.Table(t, given.Col("x", "", repeat(20, 1.0, math.Inf(-1))...), target(repeat(20, "a", "b")...)), "data.prepare", ""},
		{"target of NaN", "ridge", "", given.Table(t, x(20), target(repeat(20, 1.0, math.NaN())...)), "drops and counts", ""},
		{"infinite target", "ridge", "", given.Table(t, x(20), target(repeat(20, 1.0, 2.0, math.Inf(1), 3.0)...)), "5 of 20", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fit(t, c.kernel, c.config, 0, c.batch)
			if got.err == nil || !strings.Contains(got.err.Error(), c.remedy) || c.setting != "" && blamed(got.err) != c.setting {
				t.Errorf("error %v, blames %q; want %q and %q", got.err, blamed(got.err), c.remedy, c.setting)
			}
		})
	}
}

// TestEveryHoleIsNamedAtOnce: features and target, and ten names of many.
func TestEveryHoleIsNamedAtOnce(t *testing.T) {
	var cols []given.Column
	for i := range 13 {
		cols = append(cols, given.Col(fmt.Sprintf("h%02d", i), "", repeat(20, 1.0, nil)...))
	}
	cols = append(cols, given.Col("y", table.RoleTarget, repeat(20, "a", "b", nil, "a")...))
	err := fit(t, "auto", "", 0, given.Table(t, cols...)).err
	for _, want := range []string{"13 columns", "h00 (10 of 20 rows)", "h09", "and 3 more", "5 of 20 rows miss"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "h10") {
		t.Errorf("the eleventh is named: %v", err)
	}
}

// TestPredictionColumns: names, types, roles and order, for each type of target.
func TestPredictionColumns(t *testing.T) {
	for _, c := range []struct {
		name, kernel, config string
		batch                arrow.RecordBatch
		want                 string
	}{
		{"text", "logistic", "", classes(t, 30, "no", "yes"), "prediction:utf8 probability_no:float64 probability_yes:float64"},
		{"booleans", "logistic", "", classes(t, 30, false, true), "prediction:bool probability_false:float64 probability_true:float64"},
		{"whole numbers", "logistic", "", classes(t, 30, 1, 2), "prediction:int64 probability_1:float64 probability_2:float64"},
		{"three classes", "knn", "", classes(t, 30, "a", "b", "c"), "prediction:utf8 probability_a:float64 probability_b:float64 probability_c:float64"},
		{"numbers", "ridge", "", line(t, 30), "prediction:float64"},
		{"whole numbers as quantities", "ridge", "", classes(t, 30, 1, 2, 3), "prediction:float64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fit(t, c.kernel, c.config, 0, c.batch)
			if got.err != nil {
				t.Fatal(got.err)
			}
			_, out, err := transform(t, got, c.kernel, c.batch)
			if err != nil {
				t.Fatal(err)
			}
			var columns []string
			for _, f := range out.Schema().Fields()[c.batch.NumCols():] {
				if table.Role(f) != table.RolePrediction {
					t.Errorf("%s has role %q", f.Name, table.Role(f))
				}
				columns = append(columns, f.Name+":"+f.Type.Name())
			}
			if s := strings.Join(columns, " "); s != c.want {
				t.Errorf("columns %s, want %s", s, c.want)
			}
			for j := range int(c.batch.NumCols()) {
				if !array.Equal(out.Column(j), c.batch.Column(j)) {
					t.Errorf("input column %d was changed", j)
				}
			}
		})
	}
}

// TestProbabilities are between 0 and 1, add up to 1, and agree with the
// prediction, for every classifier.
func TestProbabilities(t *testing.T) {
	in := classes(t, 60, 0, 1, 2)
	for _, name := range []string{"logistic", "knn", "dummy"} {
		config := map[string]string{"knn": `{"task": "classification"}`, "dummy": `{"task": "classification"}`}[name]
		got := fit(t, name, config, 0, in)
		if got.err != nil {
			t.Fatal(name, got.err)
		}
		_, out, err := transform(t, got, name, in)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range int(out.NumRows()) {
			sum, best, at := 0.0, -1.0, -1
			for c := range 3 {
				p := out.Column(3 + c).(*array.Float64).Value(i)
				if p < 0 || p > 1 {
					t.Errorf("%s: probability %v", name, p)
				}
				if sum += p; p > best {
					best, at = p, c
				}
			}
			if code := int(out.Column(2).(*array.Int64).Value(i)); math.Abs(sum-1) > 1e-9 || code != at {
				t.Fatalf("%s: row %d predicts %d, the likeliest is %d, sum %v", name, i, code, at, sum)
			}
		}
	}
}

// TestRidgeOfALine: without a penalty the line itself is found, and beyond the
// rows of the fit as well.
func TestRidgeOfALine(t *testing.T) {
	got := fit(t, "ridge", `{"alpha": 0}`, 0, line(t, 30))
	if got.err != nil {
		t.Fatal(got.err)
	}
	report, out, err := transform(t, got, "ridge", given.Table(t, given.Col("x", "", -10.0, 0.5, 100.0)))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{-19, 2, 201} {
		if v := out.Column(1).(*array.Float64).Value(i); math.Abs(v-want) > 1e-8 {
			t.Errorf("row %d: %v, want %v", i, v, want)
		}
	}
	if p := report["predictions"].(map[string]any); p["rows"] != 3 || math.Abs(p["max"].(float64)-201) > 1e-8 || math.Abs(p["min"].(float64)+19) > 1e-8 {
		t.Errorf("summary %v", p)
	}
}

// TestSummaryOfNoRows: an empty input is answered with an empty output, and the
// report has no mean of nothing.
func TestSummaryOfNoRows(t *testing.T) {
	for name, batch := range map[string]arrow.RecordBatch{"ridge": line(t, 30), "logistic": classes(t, 30, "a", "b")} {
		report, out, err := transform(t, fit(t, name, "", 0, batch), name, batch.NewSlice(0, 0))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := report["predictions"].(map[string]any)
		if _, has := p["mean"]; has || p["rows"] != 0 || out != nil && out.NumRows() != 0 {
			t.Errorf("%s: summary %v", name, p)
		}
	}
}

// TestBudgetOfEveryKernel: without any time a kernel of one model says what to
// raise, and the race still returns its baseline.
func TestBudgetOfEveryKernel(t *testing.T) {
	in := classes(t, 200, "a", "b", "c")
	for _, name := range []string{"logistic", "knn"} {
		err := fit(t, name, "", time.Nanosecond, in).err
		if err == nil || !strings.Contains(err.Error(), "Raise the budget") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	got := fit(t, "auto", "", time.Nanosecond, in)
	if got.err != nil {
		t.Fatal(got.err)
	}
	for _, e := range got.report["leaderboard"].([]race.Entry) {
		if e.Name != "dummy_prior" && (e.Status == race.OK || e.Reason == "") {
			t.Errorf("without time %+v", e)
		}
	}
	if _, _, err := transform(t, got, "auto", in); err != nil {
		t.Errorf("the baseline does not predict: %v", err)
	}
}

// TestCancelledFit ends at once, and with the reason of the host.
func TestCancelledFit(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := dataset(t, "digits", true)
	k := find(t, "auto")
	inst, err := k.New(kernel.NewSetup(in.Schema(), given.Settings(t, k, "")))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := inst.(kernel.Fitter).Fit(ctx, kernel.FromBatches(in.Schema(), in)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("a cancelled fit took %v", took)
	}
}

// TestStatesOfOthers: bytes that are no model of this plugin are refused before
// anything is predicted.
func TestStatesOfOthers(t *testing.T) {
	got := fit(t, "logistic", "", 0, classes(t, 30, "a", "b"))
	good, err := got.inst.Save()
	if err != nil {
		t.Fatal(err)
	}
	nan := append(bytes.Clone(good[:len(good)-8]), 1, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	for name, state := range map[string][]byte{
		"nothing": nil, "a plan of data.prepare": []byte(`{"kernel":"data.prepare","plan":{}}`), "cut": good[:len(good)-1],
		"trailing": append(bytes.Clone(good), 0), "coefficient of NaN": nan, "one bit": append(bytes.Clone(good[:len(good)-65]), append([]byte{good[len(good)-65] ^ 1}, good[len(good)-64:]...)...),
	} {
		k := find(t, "logistic")
		inst, err := k.New(kernel.NewSetup(classes(t, 30, "a", "b").Schema(), given.Settings(t, k, "")))
		if err != nil {
			t.Fatal(err)
		}
		if err := inst.(kernel.Fitter).Load(state); !errors.Is(err, estimator.ErrState) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestBatchesMakeNoDifference: a table in pieces gives the same state, and the
// pieces the same predictions.
func TestBatchesMakeNoDifference(t *testing.T) {
	in := classes(t, 60, "a", "b")
	whole := fit(t, "logistic", "", 0, in)
	k := find(t, "logistic")
	inst, err := k.New(kernel.NewSetup(in.Schema(), given.Settings(t, k, "")))
	if err != nil {
		t.Fatal(err)
	}
	pieces := []arrow.RecordBatch{in.NewSlice(0, 7), in.NewSlice(7, 7), in.NewSlice(7, 60)}
	if _, err := inst.(kernel.Fitter).Fit(context.Background(), kernel.FromBatches(in.Schema(), pieces...)); err != nil {
		t.Fatal(err)
	}
	a, errA := whole.inst.Save()
	b, errB := inst.(kernel.Fitter).Save()
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the states differ: %v %v", errA, errB)
	}
}
