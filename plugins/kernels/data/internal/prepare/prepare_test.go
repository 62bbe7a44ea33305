// SPDX-License-Identifier: Apache-2.0

package prepare

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"pgregory.net/rapid"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/impute"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
)

// defaults are those of the tags, which the host fills in.
func defaults() Options {
	return Options{Impute: "auto", FillText: "missing", Scale: "standard", OneHot: true, Unknown: "ignore", MinFrequency: 1, MaxCategories: 50}
}

func mixed() []frame.Column {
	nan := math.NaN()
	return []frame.Column{
		frame.Numbers("n", []float64{1, nan, 3, math.Inf(1)}),
		frame.Texts("t", []string{"a", "", "b", "a"}, []bool{false, true, false, false}),
		{Name: "b", Kind: frame.Bool, Numbers: []float64{1, 0, 1, 0}, Missing: []bool{false, false, false, true}},
	}
}

func fit(t testing.TB, cols []frame.Column, opt Options, reserved ...string) *Plan {
	t.Helper()
	p, err := Fit(cols, opt, reserved)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Impute then scale equals the reference pipeline on the masked data sets.
func TestImputedColumnsAreScaled(t *testing.T) {
	cols := fixture.Table(t, "iris")
	masked := fixture.WithHoles(cols[:4])
	ref := fixture.Statistics(t, "iris")
	opt := defaults()
	opt.Impute = "mean"
	p := fit(t, masked, opt)
	if p.ImputedCells != ref.MissingCells {
		t.Errorf("%d imputed cells, reference %d", p.ImputedCells, ref.MissingCells)
	}
	out, err := p.Apply(masked, &Counts{})
	if err != nil {
		t.Fatal(err)
	}
	for j, c := range out {
		if math.Abs(p.Columns[j].Number-ref.Mean[j]) > 1e-9 {
			t.Errorf("column %d is filled with %v, reference %v", j, p.Columns[j].Number, ref.Mean[j])
		}
		sum, squares := 0.0, 0.0
		for _, v := range c.Numbers {
			sum, squares = sum+v, squares+v*v
		}
		if math.Abs(sum) > 1e-9 || math.Abs(squares-150) > 1e-9 {
			t.Errorf("column %d has sum %v and sum of squares %v", j, sum, squares)
		}
	}
}

func TestMixedColumns(t *testing.T) {
	p := fit(t, mixed(), defaults())
	if p.ImputedCells != 4 || p.Columns[0].Infinite != 1 {
		t.Errorf("plan %+v", p)
	}
	var n Counts
	out, err := p.Apply(mixed(), &n)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{ImputedCells: 4, InfiniteCells: 1}); !reflect.DeepEqual(n, want) {
		t.Errorf("counts %+v, want %+v", n, want)
	}
	var names []string
	for _, c := range out {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "n t=a t=b b" {
		t.Errorf("columns %s", got)
	}
	if want := []float64{1, 0, 1, 1}; !reflect.DeepEqual(out[3].Numbers, want) {
		t.Errorf("boolean %v, want %v", out[3].Numbers, want)
	}
}

func TestFallbacksAreNamed(t *testing.T) {
	opt := defaults()
	opt.Impute = "mean"
	p := fit(t, mixed(), opt)
	if p.Columns[1].Impute != impute.MostFrequent || p.Columns[1].Fallback == "" || p.Columns[2].Fallback == "" || p.Columns[0].Fallback != "" {
		t.Errorf("columns %+v", p.Columns)
	}
}

func TestNullCategory(t *testing.T) {
	opt := defaults()
	opt.NullCategory = true
	p := fit(t, mixed(), opt)
	if got := strings.Join(p.Columns[1].Outputs, " "); got != "t=a t=b t=<null>" {
		t.Errorf("outputs %s", got)
	}
}

func TestNamesDoNotCollide(t *testing.T) {
	cols := []frame.Column{frame.Texts("t", []string{"a", "b"}, nil), frame.Numbers("t=a", []float64{1, 2})}
	p := fit(t, cols, defaults(), "t=b")
	if got := strings.Join(p.outputs(), " "); got != "t=a_2 t=b_2 t=a" {
		t.Errorf("outputs %s", got)
	}
}

func TestNoColumnsLeft(t *testing.T) {
	opt := defaults()
	opt.DropConstant = true
	_, err := Fit([]frame.Column{frame.Numbers("x", []float64{1, 1})}, opt, nil)
	if !errors.Is(err, ErrNoColumns) || !strings.Contains(err.Error(), "x (constant)") {
		t.Errorf("error %v", err)
	}
}

func TestUnknownError(t *testing.T) {
	opt := defaults()
	opt.Unknown = "error"
	p := fit(t, []frame.Column{frame.Texts("t", []string{"a", "b"}, nil)}, opt)
	_, err := p.Apply([]frame.Column{frame.Texts("t", []string{"a", "z"}, nil)}, &Counts{})
	u, ok := errors.AsType[*UnknownError](err)
	if !ok || u.Value != "z" || u.Row != 1 {
		t.Errorf("error %v", err)
	}
}

func TestApplyRefusesOtherColumns(t *testing.T) {
	p := fit(t, mixed(), defaults())
	for _, cols := range [][]frame.Column{mixed()[:2], {mixed()[1], mixed()[0], mixed()[2]}} {
		if _, err := p.Apply(cols, &Counts{}); err == nil {
			t.Error("no error")
		}
	}
}

// Applying row by row equals applying at once.
func TestApplyIsRowWise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "rows")
		cell := rapid.SampledFrom([]float64{1, 2, 5, -3, math.NaN(), math.Inf(1)})
		num := frame.Numbers("n", rapid.SliceOfN(cell, n, n).Draw(t, "n"))
		text := frame.Texts("t", rapid.SliceOfN(rapid.StringMatching(`[ab]`), n, n).Draw(t, "t"), rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "null"))
		p, err := Fit([]frame.Column{num, text}, defaults(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var all, each Counts
		whole, err := p.Apply([]frame.Column{num, text}, &all)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			row := []frame.Column{
				{Name: "n", Kind: frame.Numeric, Numbers: num.Numbers[i : i+1], Missing: num.Missing[i : i+1]},
				{Name: "t", Kind: frame.Text, Text: text.Text[i : i+1], Missing: text.Missing[i : i+1]},
			}
			got, err := p.Apply(row, &each)
			if err != nil {
				t.Fatal(err)
			}
			for j := range got {
				if got[j].Numbers[0] != whole[j].Numbers[i] {
					t.Fatalf("row %d, column %d: %v alone, %v at once", i, j, got[j].Numbers[0], whole[j].Numbers[i])
				}
			}
		}
		if !reflect.DeepEqual(all, each) {
			t.Fatalf("counts %+v at once, %+v row by row", all, each)
		}
	})
}

func TestStateRoundTrip(t *testing.T) {
	p := fit(t, mixed(), defaults())
	p.QualityScore, p.Breakdown = 0.1+0.2, map[string]float64{"validity": 1.0 / 3}
	data, err := p.Encode(state.Header{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(data)
	if err != nil || !reflect.DeepEqual(p, back) {
		t.Errorf("%v\n%+v\n%+v", err, p, back)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	good = bytes.TrimSpace(good)
	edit := func(from, to string) []byte {
		out := bytes.Replace(good, []byte(from), []byte(to), 1)
		if bytes.Equal(out, good) {
			t.Fatalf("%q does not occur in %s", from, good)
		}
		return out
	}
	for name, data := range map[string][]byte{
		"nothing":       nil,
		"cut":           good[:len(good)/2],
		"trailing":      append(append([]byte{}, good...), '1'),
		"other kernel":  edit("data.prepare", "data.scale"),
		"other version": edit(`"version":1`, `"version":2`),
		"unknown field": edit(`"version":1`, `"version":1,"exec":"sh"`),
		"scale of 0":    edit(`"scale":0`, `"scale":-0`),
		"bad kind":      edit(`"kind":"text"`, `"kind":"blob"`),
		"bad strategy":  edit(`"impute":"median"`, `"impute":"guess"`),
		"outputs":       edit(`"t=a","t=b"`, `"t=a"`),
		"twice":         edit(`"t=a","t=b"`, `"t=a","t=a"`),
	} {
		if _, err := Decode(data); err == nil {
			t.Errorf("%s: no error", name)
		}
		var old struct {
			Kernel string          `json:"kernel"`
			Plan   json.RawMessage `json:"plan"`
		}
		if json.Unmarshal(data, &old) != nil {
			continue
		}
		w := state.New(state.Header{Kernel: old.Kernel, Version: StateVersion})
		w.JSON("plan", old.Plan)
		forged, err := w.Bytes()
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := Decode(forged); err == nil {
			t.Errorf("%s in the container: no error", name)
		}
	}
}

// FuzzDecode: no bytes crash the decoder, and what it accepts applies to a
// table of the plan's own columns and reads back the same.
func FuzzDecode(f *testing.F) {
	for _, opt := range []Options{defaults(), {Impute: "none", Scale: "none", Unknown: "error"}} {
		p, err := Fit(mixed(), opt, nil)
		if err != nil {
			f.Fatal(err)
		}
		data, err := p.Encode(state.Header{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		cols := make([]frame.Column, len(p.Columns))
		for i, cp := range p.Columns {
			cols[i] = frame.Column{Name: cp.Name, Kind: cp.Kind, Missing: []bool{false, true}, Numbers: []float64{1, 0}, Text: []string{"a", ""}}
		}
		if _, err := p.Apply(cols, &Counts{}); err != nil {
			if _, ok := errors.AsType[*UnknownError](err); !ok {
				t.Fatalf("an accepted plan does not apply: %v", err)
			}
		}
		again, err := p.Encode(state.Header{})
		if err != nil {
			t.Fatalf("an accepted plan cannot be written: %v", err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("an accepted plan cannot be read again: %v", err)
		}
	})
}
