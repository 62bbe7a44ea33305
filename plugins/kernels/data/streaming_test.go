// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
)

// streamed is what a fit and a transform gave.
type streamed struct {
	fitted, report kernel.Report
	setup          *kernel.Setup
	batches        []arrow.RecordBatch
}

// column joins the cells of an output column as text; null is "-".
func (s streamed) column(name string) (out []string) {
	for _, b := range s.batches {
		a := b.Column(b.Schema().FieldIndices(name)[0])
		for i := range a.Len() {
			text := "-"
			if a.IsValid(i) {
				text = a.ValueStr(i)
			}
			out = append(out, text)
		}
	}
	return out
}

// stream fits a kernel on a table and transforms another, in batches of n rows.
func stream(t testing.TB, k kernel.Kernel, config string, n int64, fit, transform arrow.RecordBatch) (out streamed, err error) {
	t.Helper()
	data := given.Settings(t, k, config)
	first, err := k.New(kernel.NewSetup(fit.Schema(), data))
	if err != nil {
		return out, err
	}
	if out.fitted, err = first.(kernel.Fitter).Fit(context.Background(), kernel.FromBatches(fit.Schema(), cut(fit, n)...)); err != nil {
		return out, err
	}
	state, err := first.(kernel.Fitter).Save()
	if err != nil {
		t.Fatal(err)
	}
	given.Told(t, state)
	out.setup = kernel.NewSetup(transform.Schema(), data)
	second, err := k.New(out.setup)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.(kernel.Fitter).Load(state); err != nil {
		t.Fatal(err)
	}
	w := kernel.NewWriter(func(b arrow.RecordBatch) error {
		b.Retain()
		out.batches = append(out.batches, b)
		return nil
	})
	out.report, err = second.(kernel.Transformer).Transform(context.Background(), kernel.FromBatches(transform.Schema(), cut(transform, n)...), w)
	return out, err
}

func cut(b arrow.RecordBatch, n int64) (out []arrow.RecordBatch) {
	for from := int64(0); from < b.NumRows(); from += n {
		out = append(out, b.NewSlice(from, min(from+n, b.NumRows())))
	}
	return out
}

func TestScaleEqualsTwoPasses(t *testing.T) {
	cells := []any{}
	values := []float64{}
	for i := range 1000 {
		x := math.Sin(float64(i)) * 1e3
		cells, values = append(cells, x), append(values, x)
	}
	for kind, two := range map[string]scale.Kind{"standard": scale.Standard, "minmax": scale.MinMax} {
		want, err := scale.Fit(two, frame.Numbers("x", values).Finite())
		if err != nil {
			t.Fatal(err)
		}
		table := given.Table(t, given.Col("x", "", cells...))
		got, err := stream(t, scaleKernel(), fmt.Sprintf(`{"kind":%q}`, kind), 77, table, table)
		if err != nil {
			t.Fatal(err)
		}
		row := 0
		for _, b := range got.batches {
			for _, x := range b.Column(0).(*array.Float64).Float64Values() {
				if math.Abs(x-want.Apply(values[row])) > 1e-12 {
					t.Fatalf("%s, row %d: %v, want %v", kind, row, x, want.Apply(values[row]))
				}
				row++
			}
		}
		if row != 1000 {
			t.Errorf("%d rows", row)
		}
	}
}

// TestScaleLeavesTheRest: columns that are no numeric features pass through, and
// what is missing stays missing.
func TestScaleLeavesTheRest(t *testing.T) {
	got, err := stream(t, scaleKernel(), `{"kind":"minmax"}`, 2, people(t), people(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"id": {"1", "2", "3", "4", "5", "6"}, "city": {"Oslo", "Rome", "-", "Oslo", "Oslo", "Rome"},
		"age": {"0", "-", "0.5", "NaN", "1", "0.25"}, "visits": {"0", "0.2", "0.4", "0.6", "0.8", "1"},
	} {
		if have := got.column(name); !slices.Equal(have, want) {
			t.Errorf("%s is %v, want %v", name, have, want)
		}
	}
	k := &scaler{setup: kernel.NewSetup(people(t).Schema(), nil)}
	if s, _ := k.OutputSchema(); !s.Equal(got.batches[0].Schema()) {
		t.Errorf("the schema told is %v, that written is %v", s, got.batches[0].Schema())
	}
}

func TestScaleRefuses(t *testing.T) {
	infinite := given.Table(t, given.Col("x", "", 1.0, math.Inf(1)))
	huge := given.Table(t, given.Col("x", "", -1.7e308, 1.7e308))
	text := given.Table(t, given.Col("x", "", "a"))
	for name, table := range map[string]arrow.RecordBatch{"Infinite values": infinite, "too large to scale": huge, "No numeric columns": text, "Empty table": people(t).NewSlice(0, 0)} {
		if _, err := stream(t, scaleKernel(), "", 10, table, table); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	other := given.Table(t, given.Col("age", "", "old"), given.Col("visits", "", 1))
	if _, err := stream(t, scaleKernel(), "", 10, people(t), other); err == nil || !strings.Contains(err.Error(), "was fitted and is now utf8") {
		t.Errorf("error %v", err)
	}
}

func TestImpute(t *testing.T) {
	got, err := stream(t, imputeKernel(), "", 4, people(t), people(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"age": {"20", "37.5", "40", "37.5", "60", "30"}, "city": {"Oslo", "Rome", "Oslo", "Oslo", "Oslo", "Rome"},
		"member": {"true", "false", "true", "-", "true", "true"}, "left": {"no", "yes", "no", "yes", "-", "no"},
	} {
		if have := got.column(name); !slices.Equal(have, want) {
			t.Errorf("%s is %v, want %v", name, have, want)
		}
	}
	if got.report["filled_cells"] != int64(3) {
		t.Errorf("report %v", got.report)
	}
	constant, err := stream(t, imputeKernel(), `{"numbers":"constant","fill_number":-1,"text":"constant","fill_text":"?"}`, 4, people(t), people(t))
	if err != nil || constant.column("age")[1] != "-1" || constant.column("city")[2] != "?" {
		t.Errorf("age %v, city %v, %v", constant.column("age"), constant.column("city"), err)
	}
}

func TestImputeCountsNoMoreTextsThanAllowed(t *testing.T) {
	got, err := stream(t, imputeKernel(), `{"max_distinct":1}`, 2, people(t), people(t))
	if err != nil || got.column("city")[2] != "missing" {
		t.Errorf("city %v, %v", got.column("city"), err)
	}
}

func TestValidate(t *testing.T) {
	good := given.Table(t,
		given.Col("id", "id", 1, 2, 3), given.Col("age", "", 20.0, 30.0, 60.0), given.Col("city", "", "Oslo", "Rome", nil))
	next := given.Table(t,
		given.Col("id", "id", 7, 8, 9, 10, 11),
		given.Col("age", "", 25.0, 70.0, nil, math.Inf(-1), 60.0),
		given.Col("city", "", "Rome", "Bern", nil, "Oslo", nil))
	for _, n := range []int64{1, 2, 100} {
		got, err := stream(t, validateKernel(), "", n, good, next)
		if err != nil {
			t.Fatal(err)
		}
		if ids := got.column("id"); !slices.Equal(ids, []string{"7", "11"}) {
			t.Errorf("rows of %v stay", ids)
		}
		var told []string
		for _, r := range got.setup.Rejections() {
			told = append(told, fmt.Sprintf("%d %s %s: %s", r.Row, r.Rule, r.Column, r.Detail))
		}
		want := []string{
			`1 range age: age: 70 is above 60; city: "Bern" did not occur when the rules were learnt`,
			`2 null age: age: a value is missing, and none was when the rules were learnt`,
			`3 finite age: age: the value is infinite`,
		}
		if !slices.Equal(told, want) {
			t.Errorf("batches of %d: rejected\n%s", n, strings.Join(told, "\n"))
		}
	}
}

func TestValidateByWord(t *testing.T) {
	table := given.Table(t, given.Col("age", "", 20.0, nil, 60.0), given.Col("city", "", "a", "b", "c"))
	got, err := stream(t, validateKernel(), `{"nulls":"refuse","maximum":{"age":50},"categories":"off","range":"off"}`, 2, table, table)
	if err != nil || got.setup.RejectedRows() != 2 || !slices.Equal(got.column("age"), []string{"20"}) {
		t.Errorf("%d rejected, age %v, %v", got.setup.RejectedRows(), got.column("age"), err)
	}
	if _, err := stream(t, validateKernel(), `{"minimum":{"height":1}}`, 2, table, table); err == nil || !strings.Contains(err.Error(), `no numeric column "height"`) {
		t.Errorf("error %v", err)
	}
}

// TestValidateNamesEveryColumn that differs, at once.
func TestValidateNamesEveryColumn(t *testing.T) {
	before := given.Table(t, given.Col("a", "", 1.0), given.Col("b", "", "x"), given.Col("c", "", 1))
	after := given.Table(t, given.Col("a", "", "1"), given.Col("c", "", 1), given.Col("d", "", 1))
	_, err := stream(t, validateKernel(), "", 2, before, after)
	for _, want := range []string{`"a" is utf8 and was float64`, `"b" is missing`, `"d" is new`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := stream(t, validateKernel(), `{"extra_columns":"ignore"}`, 2, before.NewSlice(0, 1), given.Table(t, given.Col("a", "", 1.0), given.Col("b", "", "x"), given.Col("c", "", 1), given.Col("d", "", 1))); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestSelect(t *testing.T) {
	apply := func(config string) ([]string, error) {
		k, err := selectKernel().New(kernel.NewSetup(people(t).Schema(), []byte(config)))
		if err != nil {
			t.Fatal(err)
		}
		if err := k.(kernel.Validator).Validate(); err != nil {
			return nil, err
		}
		told, err := k.(kernel.OutputSchemer).OutputSchema()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		_, err = k.(kernel.Transformer).Transform(context.Background(), kernel.FromBatches(people(t).Schema(), people(t)), kernel.NewWriter(func(b arrow.RecordBatch) error {
			if !told.Equal(b.Schema()) || b.NumRows() != 6 {
				t.Errorf("%d rows of %v, told %v", b.NumRows(), b.Schema(), told)
			}
			for _, f := range b.Schema().Fields() {
				names = append(names, f.Name)
			}
			return nil
		}))
		return names, err
	}
	for config, want := range map[string][]string{
		`{"keep":["left","age"],"drop":[]}`: {"age", "left"}, `{"keep":[],"drop":["id","city"]}`: {"age", "member", "visits", "left"},
	} {
		if got, err := apply(config); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", config, got, err)
		}
	}
	for config, want := range map[string]string{
		`{"keep":["aeg"],"drop":[]}`: `no column "aeg"`, `{"keep":["age"],"drop":["id"]}`: "not both",
		`{"keep":[],"drop":["id","age","city","member","visits","left"]}`: "All 6 columns",
	} {
		if _, err := apply(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", config, err)
		}
	}
}

// TestStatesFromAnywhere: what Load gets is checked.
func TestStatesFromAnywhere(t *testing.T) {
	for _, k := range []kernel.Kernel{scaleKernel(), imputeKernel(), validateKernel()} {
		for _, data := range [][]byte{nil, []byte("{}"), make([]byte, 500)} {
			instance, err := k.New(kernel.NewSetup(people(t).Schema(), schema.Defaults(k.Config)))
			if err != nil {
				t.Fatal(err)
			}
			if instance.(kernel.Fitter).Load(data) == nil {
				t.Errorf("%s takes %q", k.Name, data)
			}
		}
	}
}
