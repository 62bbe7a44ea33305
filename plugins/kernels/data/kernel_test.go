// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/quality"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// people is a small table with holes, text, a boolean, an id and a target.
func people(t testing.TB) arrow.RecordBatch {
	return given.Table(t,
		given.Col("id", table.RoleID, 1, 2, 3, 4, 5, 6),
		given.Col("age", "", 20.0, nil, 40.0, math.NaN(), 60.0, 30.0),
		given.Col("city", "", "Oslo", "Rome", nil, "Oslo", "Oslo", "Rome"),
		given.Col("member", "", true, false, true, nil, true, true),
		given.Col("visits", "", 1, 2, 3, 4, 5, 6),
		given.Col("left", table.RoleTarget, "no", "yes", "no", "yes", nil, "no"),
	)
}

type call struct {
	setup  *kernel.Setup
	inst   *preparer
	report kernel.Report
	err    error
}

func fit(t testing.TB, config string, batches ...arrow.RecordBatch) call {
	t.Helper()
	setup := kernel.NewSetup(batches[0].Schema(), given.Settings(t, prepareKernel(), config))
	inst, err := newPreparer(setup)
	if err != nil {
		return call{setup: setup, err: err}
	}
	p := inst.(*preparer)
	report, err := p.Fit(context.Background(), kernel.FromBatches(batches[0].Schema(), batches...))
	if _, jsonErr := json.Marshal(report); jsonErr != nil {
		t.Errorf("the report is not JSON: %v", jsonErr)
	}
	return call{setup, p, report, err}
}

// transform loads the state of a fit in a fresh instance.
func transform(t testing.TB, c call, config string, batches ...arrow.RecordBatch) (call, []arrow.RecordBatch) {
	t.Helper()
	state, err := c.inst.Save()
	if err != nil {
		t.Fatal(err)
	}
	given.Told(t, state)
	setup := kernel.NewSetup(batches[0].Schema(), given.Settings(t, prepareKernel(), config))
	inst, err := newPreparer(setup)
	if err != nil {
		t.Fatal(err)
	}
	p := inst.(*preparer)
	if err := p.Load(state); err != nil {
		t.Fatal(err)
	}
	var out []arrow.RecordBatch
	report, err := p.Transform(context.Background(), kernel.FromBatches(batches[0].Schema(), batches...),
		kernel.NewWriter(func(b arrow.RecordBatch) error { b.Retain(); out = append(out, b); return nil }))
	if _, jsonErr := json.Marshal(report); jsonErr != nil {
		t.Errorf("the report is not JSON: %v", jsonErr)
	}
	return call{setup, p, report, err}, out
}

func (c call) warned(summary string) bool {
	for _, d := range c.setup.Diagnostics() {
		if d.Summary == summary && d.Severity == diag.Warning {
			return true
		}
	}
	return false
}

func meta(c call) map[string]any { return c.report["metadata"].(map[string]any) }

const tolerant = `{"quality_threshold": 0}`

func TestPrepareEndToEnd(t *testing.T) {
	in := people(t)
	c := fit(t, tolerant, in)
	if c.err != nil {
		t.Fatal(c.err)
	}
	if c.setup.Dropped() != 1 || meta(c)["rows_dropped_missing_target"] != int64(1) || meta(c)["imputed_cells"] != 4 {
		t.Errorf("dropped %d, metadata %v", c.setup.Dropped(), meta(c))
	}
	done, out := transform(t, c, tolerant, in)
	if done.err != nil {
		t.Fatal(done.err)
	}
	want := []string{"age", "city=Oslo", "city=Rome", "member", "visits", "id", "left"}
	var got []string
	for _, f := range out[0].Schema().Fields() {
		got = append(got, f.Name)
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Fatalf("columns %v, want %v", got, want)
	}
	if out[0].NumRows() != 5 || done.setup.Dropped() != 1 {
		t.Errorf("%d rows out, %d dropped", out[0].NumRows(), done.setup.Dropped())
	}
	md := out[0].Schema().Metadata()
	if v, _ := md.GetValue(preparedCellsKey); v != "4" {
		t.Errorf("prepared cells %q", v)
	}
	checkPeople(t, out[0])
}

func checkPeople(t *testing.T, out arrow.RecordBatch) {
	t.Helper()
	// age without the dropped row: 20 _ 40 _ 30, median 30, mean 30, sd sqrt(40)
	want := map[int][]float64{
		0: {-10 / math.Sqrt(40), 0, 10 / math.Sqrt(40), 0, 0},
		1: {1, 0, 1, 1, 0},
		2: {0, 1, 0, 0, 1},
		3: {1, 0, 1, 1, 1},
	}
	for j, values := range want {
		a := out.Column(j).(*array.Float64)
		for i, v := range values {
			if math.Abs(a.Value(i)-v) > 1e-12 {
				t.Errorf("%s row %d = %v, want %v", out.ColumnName(j), i, a.Value(i), v)
			}
		}
	}
	target := out.Column(6).(*array.String)
	if target.Value(0)+target.Value(4) != "nono" || out.Column(5).(*array.Int64).Value(4) != 6 {
		t.Errorf("target %v and id %v do not follow the rows", target, out.Column(5))
	}
	if table.Role(out.Schema().Field(6)) != table.RoleTarget {
		t.Error("the target lost its role")
	}
}

func TestBatchesMakeNoDifference(t *testing.T) {
	in := people(t)
	whole, split := fit(t, tolerant, in), fit(t, tolerant, in.NewSlice(0, 2), in.NewSlice(2, 6))
	a, errA := whole.inst.Save()
	b, errB := split.inst.Save()
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("states differ:\n%s\n%s", a, b)
	}
	done, out := transform(t, whole, tolerant, in.NewSlice(0, 2), in.NewSlice(2, 6))
	if done.err != nil || len(out) != 2 || out[0].NumRows()+out[1].NumRows() != 5 {
		t.Errorf("%v, %d batches", done.err, len(out))
	}
}

func TestUnknownCategories(t *testing.T) {
	c := fit(t, tolerant, people(t))
	fresh := given.Table(t,
		given.Col("visits", "", 1), given.Col("city", "", "Paris"), given.Col("age", "", nil),
		given.Col("member", "", true), given.Col("shoe", "", 41.0),
	)
	done, out := transform(t, c, tolerant, fresh)
	if done.err != nil {
		t.Fatal(done.err)
	}
	if n := meta(done)["unknown_categories"].(map[string]int)["city"]; n != 1 {
		t.Errorf("unknown categories %v", meta(done)["unknown_categories"])
	}
	if !done.warned("Text values that did not occur at fit") || !done.warned("Columns left out") {
		t.Errorf("diagnostics %v", done.setup.Diagnostics())
	}
	if v := out[0].Column(1).(*array.Float64).Value(0) + out[0].Column(2).(*array.Float64).Value(0); v != 0 {
		t.Errorf("an unknown city sets indicators %v", v)
	}
	strict := fit(t, `{"quality_threshold": 0, "unknown": "error"}`, people(t))
	if done, _ := transform(t, strict, tolerant, fresh); done.err == nil || !strings.Contains(done.err.Error(), `"Paris"`) {
		t.Errorf("unknown = error: %v", done.err)
	}
}

func TestQualityGate(t *testing.T) {
	rows := func(v ...any) []any { return v }
	bad := given.Table(t,
		given.Col("hollow", "", rows(nil, nil, nil, 1.0)...),
		given.Col("fine", "", rows(1.0, 2.0, 3.0, 4.0)...),
		given.Col("y", table.RoleTarget, rows("a", "b", "a", "b")...),
	)
	c := fit(t, `{"quality_threshold": 0.9}`, bad)
	d, ok := errors.AsType[*diag.Diagnostic](c.err)
	if !ok || d.Severity != diag.Error || !strings.Contains(d.Detail, "hollow (75 % unusable") || d.Path[0] != "quality_threshold" {
		t.Fatalf("error %v", c.err)
	}
	if c.report["quality_score"].(float64) >= 0.9 {
		t.Errorf("the report lacks the score: %v", c.report)
	}
	c = fit(t, `{"quality_threshold": 0.9, "on_low_quality": "warn"}`, bad)
	if c.err != nil || !c.warned("Quality below the threshold") {
		t.Errorf("on_low_quality = warn: %v, %v", c.err, c.setup.Diagnostics())
	}
}

func TestQualityOfCleanAndOfNaN(t *testing.T) {
	clean := given.Table(t, given.Col("x", "", 1.0, 2.0, 3.0, 99.0), given.Col("y", table.RoleTarget, "a", "b", "a", "b"))
	if s := fit(t, "", clean).report["quality_score"]; s != 1.0 {
		t.Errorf("a clean table scores %v", s)
	}
	nan := given.Table(t, given.Col("x", "", math.NaN(), math.NaN()), given.Col("y", table.RoleTarget, math.NaN(), math.NaN()))
	c := fit(t, "", nan)
	if s := c.report["quality_score"]; s != 0.0 || c.err == nil {
		t.Errorf("a table of NaN scores %v, error %v", s, c.err)
	}
	if b := c.report["quality_score_breakdown"].(map[string]float64); b[quality.Validity] != 0 {
		t.Errorf("breakdown %v", b)
	}
}

func TestDroppedColumns(t *testing.T) {
	ids := make([]any, 30)
	cells := make([]any, 30)
	target := make([]any, 30)
	for i := range ids {
		ids[i], cells[i], target[i] = "user-"+string(rune('A'+i)), float64(i), i%2
	}
	in := given.Table(t, given.Col("user", "", ids...), given.Col("x", "", cells...), given.Col("one", "", repeated(30, 7.0)...), given.Col("none", "", repeated(30, nil)...), given.Col("y", table.RoleTarget, target...))
	c := fit(t, `{"quality_threshold": 0, "drop_constant": true, "drop_empty": true}`, in)
	if c.err != nil {
		t.Fatal(c.err)
	}
	got := meta(c)["dropped_columns"].(map[string]string)
	if got["user"] != "id_like" || got["one"] != "constant" || got["none"] != "no_values" || len(got) != 3 {
		t.Errorf("dropped columns %v", got)
	}
	c = fit(t, `{"quality_threshold": 0, "max_categories": 10}`, in)
	if got := meta(c)["dropped_columns"].(map[string]string); got["user"] != "too_many_categories" || len(got) != 1 {
		t.Errorf("dropped columns %v", got)
	}
	if !c.warned("Column filled in another way") || !c.warned("Column dropped") {
		t.Errorf("diagnostics %v", c.setup.Diagnostics())
	}
}

func repeated(n int, v any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestBadInput(t *testing.T) {
	y := given.Col("y", table.RoleTarget, "a", "b")
	cases := []struct {
		name, config string
		batch        arrow.RecordBatch
		want         string
	}{
		{"empty table", "", given.Table(t, given.Col("x", "")), "Empty table"},
		{"no features", "", given.Table(t, y), "No feature columns"},
		{"no targets", tolerant, given.Table(t, given.Col("x", "", 1.0, 2.0), given.Col("y", table.RoleTarget, nil, nil)), "No row has a target"},
		{"all dropped", `{"quality_threshold": 0, "drop_constant": true}`, given.Table(t, given.Col("x", "", 1.0, 1.0), y), "x (constant)"},
		{"unknown weight", `{"quality_weights": {"beauty": 1}}`, given.Table(t, given.Col("x", "", 1.0, 2.0), y), "beauty"},
		{"weight that rewards holes", `{"quality_weights": {"uniqueness": 1}}`, given.Table(t, given.Col("x", "", 1.0, 2.0), y), "uniqueness"},
		{"overflow", "", given.Table(t, given.Col("x", "", 1e308, -1e308), y), "too large"},
	}
	for _, c := range cases {
		if got := fit(t, c.config, c.batch); got.err == nil || !strings.Contains(got.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, got.err, c.want)
		}
	}
}

func TestTransformRefusesOtherColumns(t *testing.T) {
	c := fit(t, tolerant, people(t))
	missing, _ := transform(t, c, tolerant, given.Table(t, given.Col("age", "", 1.0)))
	if missing.err == nil || !strings.Contains(missing.err.Error(), `"city"`) {
		t.Errorf("missing column: %v", missing.err)
	}
	text := given.Table(t, given.Col("age", "", "old"), given.Col("city", "", "Oslo"), given.Col("member", "", true), given.Col("visits", "", 1))
	other, _ := transform(t, c, tolerant, text)
	if other.err == nil || !strings.Contains(other.err.Error(), "age (numeric) was fitted, column age (text)") {
		t.Errorf("other kind: %v", other.err)
	}
}

func TestTextStaysTextWithoutOneHot(t *testing.T) {
	config := `{"quality_threshold": 0, "one_hot": false, "impute": "constant", "fill_text": "nowhere"}`
	c := fit(t, config, people(t))
	_, out := transform(t, c, config, people(t))
	city, ok := out[0].Column(1).(*array.String)
	if !ok || city.Value(2) != "nowhere" || city.Value(0) != "Oslo" {
		t.Errorf("city %v", out[0].Column(1))
	}
}

func TestImputeNoneKeepsHoles(t *testing.T) {
	config := `{"quality_threshold": 0, "impute": "none"}`
	c := fit(t, config, people(t))
	done, out := transform(t, c, config, people(t))
	if !out[0].Column(0).IsNull(1) || meta(done)["missing_cells_left"] != 4 || meta(c)["imputed_cells"] != 0 {
		t.Errorf("age %v, metadata %v", out[0].Column(0), meta(done))
	}
}

func TestRoundedIntegersAreCounted(t *testing.T) {
	in := given.Table(t, given.Col("x", "", 1<<53+1, 2, 3, 4), given.Col("y", table.RoleTarget, "a", "b", "a", "b"))
	if n := meta(fit(t, "", in))["rounded_integers"]; n != 1 {
		t.Errorf("%v rounded integers", n)
	}
}
