// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// xy is one feature and a target of two classes, of as many rows.
func xy(t testing.TB, cells ...any) arrow.RecordBatch {
	t.Helper()
	y := make([]any, len(cells))
	for i := range y {
		y[i] = []any{"a", "b"}[i%2]
	}
	return given.Table(t, given.Col("x", "", cells...), given.Col("y", table.RoleTarget, y...))
}

// prepared fits on a table and transforms it.
func prepared(t testing.TB, config string, in arrow.RecordBatch) (call, arrow.RecordBatch) {
	t.Helper()
	c := fit(t, config, in)
	if c.err != nil {
		t.Fatalf("%s: %v", config, c.err)
	}
	done, out := transform(t, c, config, in)
	if done.err != nil || len(out) != 1 {
		t.Fatalf("%s: %v, %d batches", config, done.err, len(out))
	}
	return done, out[0]
}

// sees fails unless the first column holds the numbers; NaN stands for a null.
func sees(t *testing.T, name string, out arrow.RecordBatch, want ...float64) {
	t.Helper()
	a := out.Column(0).(*array.Float64)
	if a.Len() != len(want) {
		t.Fatalf("%s: %d rows, want %d", name, a.Len(), len(want))
	}
	for i, w := range want {
		if a.IsNull(i) != math.IsNaN(w) || !a.IsNull(i) && math.Abs(a.Value(i)-w) > 1e-12 {
			t.Errorf("%s: row %d of %s is %v, want %v", name, i, out.ColumnName(0), a.ValueStr(i), w)
		}
	}
}

// TestSettingsThatCannotBeMeant: what the host's check of the limits lets
// through and the kernel cannot use is an error that names the setting.
func TestSettingsThatCannotBeMeant(t *testing.T) {
	for config, setting := range map[string]string{
		`{"one_hot": "yes"}`:                       "one_hot",
		`{"fill_number": "0"}`:                     "fill_number",
		`{"quality_weights": {"x": 1}}`:            "quality_weights",
		`{"quality_weights": {"validity": -1}}`:    "quality_weights",
		`{"quality_weights": {"validity": "big"}}`: "quality_weights",
		`{"imputation": "mean"}`:                   "imputation",
	} {
		in := xy(t, 1.0, 2.0)
		_, err := prepareKernel().New(kernel.NewSetup(in.Schema(), given.Settings(t, prepareKernel(), config)))
		if err == nil || !strings.Contains(err.Error()+strings.Join(paths(err), "."), setting) {
			t.Errorf("%s: error %v at %v", config, err, paths(err))
		}
	}
}

// paths are the settings that the diagnostics of an error blame.
func paths(err error) []string {
	var out []string
	for _, d := range diag.From("", err) {
		out = append(out, d.Path...)
	}
	return out
}

// TestImputation: what each strategy writes into the holes, on numbers that
// tell them apart: 1 1 4 10 has mean 4, median 2.5 and mode 1.
func TestImputation(t *testing.T) {
	for strategy, want := range map[string]float64{
		`"impute": "mean"`: 4, `"impute": "median"`: 2.5, `"impute": "auto"`: 2.5, `"impute": "most_frequent"`: 1,
		`"impute": "constant"`: 0, `"impute": "constant", "fill_number": -7.5`: -7.5, `"impute": "none"`: math.NaN(),
	} {
		config := `{"quality_threshold": 0, "scale": "none", ` + strategy + `}`
		_, out := prepared(t, config, xy(t, 1.0, 1.0, nil, 4.0, 10.0, math.NaN()))
		sees(t, strategy, out, 1, 1, want, 4, 10, want)
	}
}

// TestScaling: the numbers that each scaling makes of 0 1 2 3 4.
func TestScaling(t *testing.T) {
	deviation := math.Sqrt(2)
	for scaling, want := range map[string][]float64{
		"standard": {-2 / deviation, -1 / deviation, 0, 1 / deviation, 2 / deviation},
		"minmax":   {0, .25, .5, .75, 1},
		"robust":   {-1, -.5, 0, .5, 1},
		"none":     {0, 1, 2, 3, 4},
	} {
		_, out := prepared(t, `{"quality_threshold": 0, "scale": "`+scaling+`"}`, xy(t, 0.0, 1.0, 2.0, 3.0, 4.0))
		sees(t, scaling, out, want...)
	}
}

// TestConstantColumns: no scaling divides by nothing.
func TestConstantColumns(t *testing.T) {
	for _, scaling := range []string{"standard", "minmax", "robust", "none"} {
		_, out := prepared(t, `{"quality_threshold": 0, "scale": "`+scaling+`"}`, xy(t, 5.0, 5.0, 5.0, 5.0))
		for i, v := range out.Column(0).(*array.Float64).Float64Values() {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: row %d is %v", scaling, i, v)
			}
		}
	}
}

// TestColumnsWithoutValues: the constants of the settings stand in, and nothing
// is called a statistic.
func TestColumnsWithoutValues(t *testing.T) {
	in := given.Table(t, given.Col("n", "", nil, math.NaN(), nil), given.Col("x", "", 1.0, 2.0, 3.0), given.Col("y", table.RoleTarget, "a", "b", "a"))
	config := `{"quality_threshold": 0, "scale": "none", "fill_number": 9}`
	_, out := prepared(t, config, in)
	sees(t, "filled", out, 9, 9, 9)
	_, out = prepared(t, `{"quality_threshold": 0, "scale": "none", "drop_empty": true}`, in)
	if out.ColumnName(0) != "x" || out.NumCols() != 2 {
		t.Errorf("drop_empty left %v", out.Schema())
	}
}

// TestTextColumns: indicators by frequency, missing text, and names that stay
// apart from those of other columns.
func TestTextColumns(t *testing.T) {
	cities := []any{"Oslo", "Oslo", "Rome", "Bonn", nil, "Oslo"}
	for config, want := range map[string]string{
		``:                        "x=Bonn x=Oslo x=Rome y",
		`, "min_frequency": 2`:    "x=Oslo",
		`, "null_category": true`: "x=Bonn x=Oslo x=Rome",
		`, "one_hot": false`:      "x y",
	} {
		_, out := prepared(t, `{"quality_threshold": 0`+config+`}`, xy(t, cities...))
		var names []string
		for _, f := range out.Schema().Fields() {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); !strings.HasPrefix(got, want) {
			t.Errorf("%q makes %q, want %q", config, got, want)
		}
		if config == `, "null_category": true` && len(names) != 5 {
			t.Errorf("a category for missing text: %q", names)
		}
		if config == `, "min_frequency": 2` && len(names) != 3 {
			t.Errorf("one indicator for the rare: %q", names)
		}
	}
}

// TestIndicatorsOfARowAddUp: exactly one indicator is set, or none for a text
// that is new.
func TestIndicatorsOfARowAddUp(t *testing.T) {
	for _, config := range []string{tolerant, `{"quality_threshold": 0, "min_frequency": 2}`, `{"quality_threshold": 0, "null_category": true}`} {
		_, out := prepared(t, config, xy(t, "a", "b", "a", nil, "c", "b"))
		for row := range int(out.NumRows()) {
			sum := 0.0
			for j := range int(out.NumCols()) - 1 {
				sum += out.Column(j).(*array.Float64).Value(row)
			}
			if sum != 1 {
				t.Errorf("%s: the indicators of row %d add up to %v", config, row, sum)
			}
		}
	}
}

// TestNamesThatCollide: an indicator does not take the name of a column.
func TestNamesThatCollide(t *testing.T) {
	in := given.Table(t, given.Col("c", "", "a", "b", "a", "b"), given.Col("c=a", "", 1.0, 2.0, 3.0, 5.0),
		given.Col("c=b", table.RoleID, 1, 2, 3, 4), given.Col("y", table.RoleTarget, "p", "q", "p", "q"))
	_, out := prepared(t, tolerant, in)
	seen := map[string]bool{}
	for _, f := range out.Schema().Fields() {
		if seen[f.Name] {
			t.Errorf("two columns are named %q", f.Name)
		}
		seen[f.Name] = true
	}
	if out.NumCols() != 5 || !seen["c=b"] {
		t.Errorf("columns %v", out.Schema())
	}
}

// TestRemedies: each error says what to do next.
func TestRemedies(t *testing.T) {
	empty := given.Table(t, given.Col("x", ""), given.Col("y", table.RoleTarget))
	for _, c := range []struct {
		name, config string
		batch        arrow.RecordBatch
		summary      string
		remedy       string
	}{
		{"no rows", "", empty, "Empty table", "Check the source"},
		{"only a target", "", given.Table(t, given.Col("y", table.RoleTarget, "a")), "No feature columns", "columns besides the target"},
		{"only ids", "", given.Table(t, given.Col("i", table.RoleID, 1), given.Col("y", table.RoleTarget, "a")), "No feature columns", "columns besides the target"},
		{"no targets", tolerant, given.Table(t, given.Col("x", "", 1.0), given.Col("y", table.RoleTarget, math.NaN())), "No row has a target", "Check which column"},
		{"all columns dropped", `{"quality_threshold": 0, "drop_constant": true}`, xy(t, 1.0, 1.0), "No feature column is left", "drop_constant"},
		{"low quality", `{"quality_threshold": 1}`, xy(t, 1.0, nil), "", "quality_threshold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fit(t, c.config, c.batch)
			all := diag.From("", got.err)
			if len(all) != 1 || !strings.Contains(all[0].Summary, c.summary) || !strings.Contains(all[0].Detail, c.remedy) {
				t.Errorf("diagnostics %+v", all)
			}
		})
	}
}

// TestStatesOfOthers: bytes that are no plan of this kernel are refused, and
// say whose they are.
func TestStatesOfOthers(t *testing.T) {
	saved, err := fit(t, tolerant, people(t)).inst.Save()
	if err != nil {
		t.Fatal(err)
	}
	s, err := state.Decode(saved)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.RawJSON("plan")
	if err != nil {
		t.Fatal(err)
	}
	good := []byte(`{"kernel":"data.prepare","plan":` + string(plan) + `}`) // of version 1
	edit := func(from, to string) []byte {
		if !bytes.Contains(good, []byte(from)) {
			t.Fatalf("%q is not in %s", from, good)
		}
		return bytes.Replace(good, []byte(from), []byte(to), 1)
	}
	for name, c := range map[string]struct {
		state []byte
		want  string
	}{
		"nothing":          {nil, "EOF"},
		"not JSON":         {[]byte("BHALGO1\n"), "invalid"},
		"cut":              {good[:len(good)/2], "EOF"},
		"trailing":         {append(bytes.Clone(good), '1'), "behind the end"},
		"other kernel":     {edit(`"data.prepare"`, `"data.other"`), `"data.other"`},
		"no plan":          {[]byte(`{"kernel": "data.prepare"}`), "data.prepare"},
		"unknown field":    {edit(`"kernel":`, `"colonel":1,"kernel":`), "colonel"},
		"another kind":     {edit(`"numeric"`, `"complex"`), `"complex"`},
		"another strategy": {edit(`"median"`, `"oracle"`), `"oracle"`},
		"one bit":          {append([]byte{saved[0]}, append([]byte{saved[1] ^ 1}, saved[2:]...)...), "invalid"},
		"damaged":          {append(bytes.Clone(saved[:len(saved)-65]), append([]byte{saved[len(saved)-65] ^ 1}, saved[len(saved)-64:]...)...), "digest"},
	} {
		p := &preparer{setup: kernel.NewSetup(people(t).Schema(), nil)}
		if err := p.Load(c.state); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

// TestCancelled: neither call goes on for a host that has gone.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := people(t)
	c := fit(t, tolerant, in)
	if _, err := c.inst.Fit(ctx, kernel.FromBatches(in.Schema(), in)); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("fit: %v", err)
	}
	written := 0
	_, err := c.inst.Transform(ctx, kernel.FromBatches(in.Schema(), in), kernel.NewWriter(func(arrow.RecordBatch) error { written++; return nil }))
	if err == nil || written != 0 {
		t.Errorf("transform: %v, %d batches", err, written)
	}
}

// TestInfinities: a number that is infinite spoils no statistic of the others.
func TestInfinities(t *testing.T) {
	for _, cells := range [][]any{
		{1.0, math.Inf(1), 3.0, 2.0}, {1.0, math.Inf(-1), 3.0, 2.0}, {math.Inf(1), math.Inf(1), math.Inf(1), 2.0},
	} {
		c := fit(t, tolerant, xy(t, cells...))
		if c.err != nil {
			if ds := diag.From("", c.err); len(ds) == 0 || !strings.Contains(ds[0].Detail, "x") {
				t.Errorf("%v: the error names no column: %v", cells, c.err)
			}
			continue
		}
		done, out := transform(t, c, tolerant, xy(t, cells...))
		if done.err != nil {
			t.Errorf("%v: %v", cells, done.err)
			continue
		}
		a := out[0].Column(0).(*array.Float64)
		for i := range a.Len() {
			if math.IsNaN(a.Value(i)) {
				t.Errorf("%v: row %d became NaN", cells, i)
			}
		}
	}
}

// TestRowsAndOrderAreKept: what passes through stays beside its row.
func TestRowsAndOrderAreKept(t *testing.T) {
	in := given.Table(t, given.Col("id", table.RoleID, 10, 11, 12, 13), given.Col("x", "", 3.0, 1.0, 2.0, 0.0),
		given.Col("y", table.RoleTarget, "a", nil, "b", "a"))
	done, out := prepared(t, `{"quality_threshold": 0, "scale": "none"}`, in)
	sees(t, "x", out, 3, 2, 0)
	ids := out.Column(1).(*array.Int64).Int64Values()
	if len(ids) != 3 || ids[0] != 10 || ids[1] != 12 || ids[2] != 13 || done.setup.Dropped() != 1 {
		t.Errorf("ids %v, %d dropped", ids, done.setup.Dropped())
	}
}

// TestPrepareTakesOtherWidths and dictionaries, and refuses by name what it
// cannot prepare.
func TestPrepareTakesOtherWidths(t *testing.T) {
	narrow := array.NewInt16Builder(memory.DefaultAllocator)
	narrow.AppendValues([]int16{1, 2, 3, 4}, []bool{true, true, false, true})
	words := array.NewDictionaryBuilder(memory.DefaultAllocator, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}).(*array.BinaryDictionaryBuilder)
	for _, w := range []string{"a", "b", "a", "b"} {
		if err := words.AppendString(w); err != nil {
			t.Fatal(err)
		}
	}
	columns := []arrow.Array{narrow.NewArray(), words.NewArray()}
	table := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "n", Type: columns[0].DataType(), Nullable: true}, {Name: "w", Type: columns[1].DataType(), Nullable: true}}, nil), columns, 4)
	got, err := stream(t, prepareKernel(), `{"scale":"none","quality_threshold":0}`, 4, table, table)
	if err != nil {
		t.Fatal(err)
	}
	if n := got.column("n"); !slices.Equal(n, []string{"1", "2", "2", "4"}) {
		t.Errorf("n %v", n)
	}
	days := array.NewDate32Builder(memory.DefaultAllocator)
	days.Append(1)
	odd := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "day", Type: arrow.FixedWidthTypes.Date32}}, nil), []arrow.Array{days.NewArray()}, 1)
	k, err := prepareKernel().New(kernel.NewSetup(odd.Schema(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.(kernel.Validator).Validate(); err == nil || !strings.Contains(err.Error(), "day (date32)") {
		t.Errorf("error %v", err)
	}
}
