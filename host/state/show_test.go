// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// rich has an array of every type.
func rich(t testing.TB, change func(*container.Writer)) []byte {
	t.Helper()
	w := container.New(container.Header{Kernel: "k.rich", Version: 1, Metrics: map[string]float64{"rmse": 0.5}})
	w.Floats("f64", []float64{1, math.NaN(), -3, math.Inf(1), 5}, 5, 1)
	w.Nulls("f64", []bool{true, true, true, true, false})
	w.Floats32("f32", []float32{0.1, 0.3})
	w.Ints("i64", []int64{math.MinInt64, math.MaxInt64})
	w.Ints32("i32", []int32{-4, 2})
	w.Uints("u64", []uint64{0, math.MaxUint64})
	w.Blob("u8", []byte{1, 255})
	w.Bools("flags", []bool{true, true, false, true})
	w.Strings("names", []string{"a", "größe"})
	w.JSON("plan", map[string]any{"alpha": 1, "steps": []int{1, 2}})
	w.Floats("none", nil)
	if change != nil {
		change(w)
	}
	data, err := w.Bytes()
	must(t, err)
	return data
}

func TestDescribe(t *testing.T) {
	d := Describe(rich(t, nil))
	want := []ArrayStats{
		{Name: "f64", DType: "float64", Shape: []int{5, 1}, Elements: 5, Nulls: 1, NonFinite: 2, Bytes: 40, Min: "-3", Max: "1", Mean: "-1"},
		{Name: "f32", DType: "float32", Shape: []int{2}, Elements: 2, Bytes: 8, Min: "0.1", Max: "0.3", Mean: "0.20000000670552254"},
		{Name: "i64", DType: "int64", Shape: []int{2}, Elements: 2, Bytes: 16, Min: "-9223372036854775808", Max: "9223372036854775807", Mean: "0"},
		{Name: "i32", DType: "int32", Shape: []int{2}, Elements: 2, Bytes: 8, Min: "-4", Max: "2", Mean: "-1"},
		{Name: "u64", DType: "uint64", Shape: []int{2}, Elements: 2, Bytes: 16, Min: "0", Max: "18446744073709551615", Mean: "9.223372036854776e+18"},
		{Name: "u8", DType: "uint8", Shape: []int{2}, Elements: 2, Bytes: 2, Min: "1", Max: "255", Mean: "128"},
		{Name: "flags", DType: "bool", Shape: []int{4}, Elements: 4, Bytes: 4, Min: "0", Max: "1", Mean: "0.75"},
		{Name: "names", DType: "utf8", Shape: []int{2}, Elements: 2, Bytes: 32, Min: "1", Max: "7", Mean: "4"},
		{Name: "plan", DType: "json", Shape: []int{}, Elements: 1, Bytes: 25, Value: json.RawMessage(`{"alpha":1,"steps":[1,2]}`)},
		{Name: "none", DType: "float64", Shape: []int{0}},
	}
	if diff := cmp.Diff(want, d.Arrays); diff != "" {
		t.Error(diff)
	}
	if d.Header.Kernel != "k.rich" || d.Entry.Form != Container || d.Problem != "" {
		t.Errorf("%+v", d)
	}
	text, err := json.Marshal(d)
	if err != nil || !strings.Contains(string(text), `"max":18446744073709551615`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestDescribeOpaqueStates(t *testing.T) {
	s := newStore(t)
	e, err := s.Put([]byte("BHALGO1\nold"), from("r1"))
	must(t, err)
	d, err := s.Show(e.Short())
	must(t, err)
	if d.Entry.Form != Opaque || d.Header != nil || d.Arrays != nil || d.Problem != "" || d.Entry.Last().Run != "r1" {
		t.Errorf("%+v", d)
	}
	bad := rich(t, nil)
	bad[100] ^= 1
	if d := Describe(bad); d.Entry.Form != Opaque || !strings.Contains(d.Problem, "digest") {
		t.Errorf("%+v", d)
	}
}

func TestExtremesDoNotOverflow(t *testing.T) {
	w := container.New(container.Header{Kernel: "k", Version: 1})
	w.Floats("x", []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, -math.MaxFloat64})
	data, err := w.Bytes()
	must(t, err)
	if _, err := json.Marshal(Describe(data)); err != nil {
		t.Error(err)
	}
	w = container.New(container.Header{Kernel: "k", Version: 1})
	w.Floats("x", []float64{-math.MaxFloat64, math.MaxFloat64, 0, math.Copysign(0, -1)})
	other, err := w.Bytes()
	must(t, err)
	d := Compare(data, other)
	if _, err := json.Marshal(d); err != nil || d.Changed[0].NonFinite != 1 || d.Changed[0].Elements != 3 {
		t.Errorf("%+v, %v", d.Changed, err)
	}
}

func TestDiff(t *testing.T) {
	s := newStore(t)
	a, err := s.Put(rich(t, nil), from("r1"))
	must(t, err)
	b, err := s.Put(rich(t, func(w *container.Writer) {
		w.Header.Version, w.Header.Metrics["rmse"] = 2, 0.25
		w.Drop("f64", "f32", "i64", "u64", "flags", "names", "plan", "none")
		w.Floats("f64", []float64{1, 7, -3.5, math.Inf(1), 5}, 5, 1)
		w.Floats32("f32", []float32{0.1, 0.3}, 2, 1)
		w.Ints("i64", []int64{math.MaxInt64, math.MaxInt64})
		w.Uints("u64", []uint64{1, math.MaxUint64 - 3})
		w.Bools("flags", []bool{true, false, true, true})
		w.Strings("names", []string{"a", "b"})
		w.JSON("plan", map[string]any{"alpha": 2, "steps": []int{1, 2}})
		w.Ints("new", []int64{1})
	}), from("r2"))
	must(t, err)
	d, err := s.Diff(a.Short(), b.Short())
	must(t, err)
	if d.Equal || d.Same != 2 || len(d.Added) != 1 || d.Added[0].Name != "new" || len(d.Removed) != 1 || d.Removed[0].Name != "none" || d.A.Last().Run != "r1" || d.B.Last().Run != "r2" {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff([]FieldChange{{"metrics.rmse", "0.5", "0.25"}, {"version", "1", "2"}}, d.Header); diff != "" {
		t.Error(diff)
	}
	type change struct {
		Elements, First, At, NonFinite int
		MaxAbs                         json.Number
		Values                         []FieldChange
	}
	got := map[string]change{}
	for _, c := range d.Changed {
		got[c.Name] = change{c.Elements, c.First, c.At, c.NonFinite, c.MaxAbs, c.Values}
	}
	want := map[string]change{
		"f64":   {Elements: 3, First: 1, At: 2, NonFinite: 2, MaxAbs: "0.5"},
		"f32":   {},
		"i64":   {Elements: 1, MaxAbs: "18446744073709551615"},
		"u64":   {Elements: 2, At: 1, MaxAbs: "3"},
		"flags": {Elements: 2, First: 1},
		"names": {Elements: 1, First: 1},
		"plan":  {Elements: 1, Values: []FieldChange{{"alpha", "1", "2"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiffOfOpaqueStates(t *testing.T) {
	data := rich(t, nil)
	if d := Compare(data, data); !d.Equal || d.FirstByte != nil {
		t.Errorf("%+v", d)
	}
	for _, tt := range []struct {
		a, b []byte
		want int
	}{{[]byte("abcd"), []byte("abxd"), 2}, {[]byte("ab"), []byte("abc"), 2}, {data, []byte("x"), 0}} {
		if d := Compare(tt.a, tt.b); d.Equal || d.FirstByte == nil || *d.FirstByte != tt.want || d.B.Form != Opaque {
			t.Errorf("%+v", d)
		}
	}
}
