// SPDX-License-Identifier: Apache-2.0

package quality_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/quality"
)

func assess(cols []frame.Column) quality.Assessment {
	return quality.Assess(cols, "", quality.DefaultWeights())
}

func TestReferenceCounts(t *testing.T) {
	for _, set := range fixture.Sets {
		cols, facts := fixture.Table(t, set), fixture.Facts(t, set)
		a := assess(cols)
		if a.DuplicateRows != facts.Duplicates || a.ConstantColumns != facts.Constant {
			t.Errorf("%s: %d duplicate rows, %d constant columns, reference %d and %d", set, a.DuplicateRows, a.ConstantColumns, facts.Duplicates, facts.Constant)
		}
		if a = assess(cols[:len(cols)-1]); a.OutlierCells != facts.OutliersIQR {
			t.Errorf("%s: %d outlier cells, reference %d", set, a.OutlierCells, facts.OutliersIQR)
		}
	}
}

func TestCleanIsOne(t *testing.T) {
	for _, set := range []string{"wine", "breast_cancer", "diabetes"} {
		if a := assess(fixture.Table(t, set)); a.Score != 1 || len(a.WorstColumns) != 0 {
			t.Errorf("%s scores %v, worst columns %v", set, a.Score, a.WorstColumns)
		}
	}
	// iris has one duplicate row, digits three constant columns.
	for _, set := range []string{"iris", "digits"} {
		if a := assess(fixture.Table(t, set)); !(a.Score < 1 && a.Score > 0.98) {
			t.Errorf("%s scores %v", set, a.Score)
		}
	}
}

func TestNothingUsableIsZero(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tables := map[string][]frame.Column{
		"nan":      {frame.Numbers("a", []float64{nan, nan}), frame.Numbers("b", []float64{nan, nan})},
		"infinite": {frame.Numbers("a", []float64{inf, inf})},
		"null":     {frame.Texts("a", []string{"", ""}, []bool{true, true})},
		"no rows":  {frame.Numbers("a", nil)},
		"nothing":  nil,
	}
	for name, cols := range tables {
		a := assess(cols)
		if a.Score != 0 {
			t.Errorf("%s scores %v", name, a.Score)
		}
		for part, v := range a.Breakdown {
			if v != 0 {
				t.Errorf("%s: %s = %v", name, part, v)
			}
		}
	}
}

// drawTable makes a table of few distinct values, so that duplicates, constants
// and holes occur by themselves.
func drawTable(t *rapid.T) []frame.Column {
	rows, cols := rapid.IntRange(2, 8).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "cols")
	cell := rapid.SampledFrom([]float64{0, 1, 2, 2, 3, 1000, math.NaN(), math.Inf(1)})
	out := make([]frame.Column, cols)
	for j := range out {
		out[j] = frame.Numbers(fmt.Sprint("c", j), rapid.SliceOfN(cell, rows, rows).Draw(t, "cells"))
	}
	return out
}

func clone(cols []frame.Column) []frame.Column {
	out := make([]frame.Column, len(cols))
	for j, c := range cols {
		out[j] = frame.Numbers(c.Name, append([]float64(nil), c.Numbers...))
	}
	return out
}

func usableRow(cols []frame.Column, r int) bool {
	for _, c := range cols {
		if !c.Usable(r) {
			return false
		}
	}
	return true
}

func usableColumn(c frame.Column) bool { return len(c.Finite()) == c.Len() }

// damage injects one fault, or none where the drawn place holds nothing good.
func damage(t *rapid.T, cols []frame.Column) []frame.Column {
	out := clone(cols)
	r, j := rapid.IntRange(0, cols[0].Len()-1).Draw(t, "row"), rapid.IntRange(0, len(cols)-1).Draw(t, "col")
	switch from := rapid.IntRange(0, cols[0].Len()-1).Draw(t, "from"); rapid.IntRange(0, 3).Draw(t, "fault") {
	case 0:
		if cols[j].Usable(r) {
			out[j].Numbers[r] = math.NaN()
		}
	case 1:
		if cols[j].Usable(r) {
			out[j].Numbers[r] = math.Inf(-1)
		}
	case 2:
		if usableRow(cols, r) && usableRow(cols, from) {
			for k := range out {
				out[k].Numbers[r] = out[k].Numbers[from]
			}
		}
	case 3:
		if usableColumn(cols[j]) {
			for i := range out[j].Numbers {
				out[j].Numbers[i] = 7
			}
		}
	}
	return clone(out) // again, so that the missing cells are marked
}

func TestFaultsNeverRaiseTheScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols := drawTable(t)
		for range 4 {
			worse := damage(t, cols)
			before, after := assess(cols), assess(worse)
			if after.Score > before.Score {
				t.Fatalf("a fault raised the score from %v to %v:\n%+v\n%+v", before.Score, after.Score, before, after)
			}
			cols = worse
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols := drawTable(t)
		rows := make([]int, cols[0].Len())
		for i := range rows {
			rows[i] = i
		}
		rows = rapid.Permutation(rows).Draw(t, "rows")
		shuffled := clone(cols)
		for j := range shuffled {
			for i, r := range rows {
				shuffled[j].Numbers[i] = cols[j].Numbers[r]
			}
		}
		shuffled = rapid.Permutation(clone(shuffled)).Draw(t, "columns")
		weights := quality.DefaultWeights()
		weights[quality.Balance], weights[quality.OutlierFree] = 0.5, 0.5
		a, b := quality.Assess(cols, "c0", weights), quality.Assess(shuffled, "c0", weights)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("order matters:\n%+v\n%+v", a, b)
		}
	})
}

func TestTextAndSignedZero(t *testing.T) {
	cols := []frame.Column{
		frame.Texts("a", []string{"x", "x", "xy"}, nil),
		frame.Texts("b", []string{"yz", "yz", "z"}, nil),
		frame.Numbers("c", []float64{0, math.Copysign(0, -1), 0}),
	}
	if a := assess(cols); a.DuplicateRows != 1 || a.ConstantColumns != 1 {
		t.Errorf("%d duplicate rows, %d constant columns, want 1 and 1", a.DuplicateRows, a.ConstantColumns)
	}
}

func TestBalance(t *testing.T) {
	y := func(v ...string) []frame.Column { return []frame.Column{frame.Texts("y", v, nil)} }
	w := quality.DefaultWeights()
	if b := quality.Assess(y("a", "b", "a", "b"), "y", w).Breakdown[quality.Balance]; b != 1 {
		t.Errorf("equal classes: %v", b)
	}
	want := -(0.75*math.Log(0.75) + 0.25*math.Log(0.25)) / math.Log(2)
	if b := quality.Assess(y("a", "a", "a", "b"), "y", w).Breakdown[quality.Balance]; math.Abs(b-want) > 1e-12 {
		t.Errorf("three to one: %v, want %v", b, want)
	}
}

func TestWeights(t *testing.T) {
	for name, given := range map[string]map[string]float64{
		"unknown":         {"beauty": 1},
		"negative":        {quality.Validity: -1},
		"infinite":        {quality.Validity: math.Inf(1)},
		"rewards holes":   {quality.Uniqueness: 0.5},
		"nothing is left": {quality.Completeness: 0, quality.Validity: 0, quality.UsableRows: 0, quality.Uniqueness: 0, quality.Variation: 0},
	} {
		if _, err := quality.Weights(given); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	w, err := quality.Weights(map[string]float64{quality.OutlierFree: 0.3})
	if err != nil || w[quality.OutlierFree] != 0.3 || w[quality.Completeness] != 0.35 {
		t.Errorf("weights %v, %v", w, err)
	}
}

func TestWorstColumns(t *testing.T) {
	nan := math.NaN()
	a := assess([]frame.Column{
		frame.Numbers("fine", []float64{1, 2, 3, 4}),
		frame.Numbers("half", []float64{1, nan, nan, 4}),
		frame.Numbers("flat", []float64{1, 1, 1, 1}),
		frame.Numbers("hollow", []float64{nan, nan, nan, 4}),
	})
	var got []string
	for _, c := range a.WorstColumns {
		got = append(got, c.Name)
	}
	if want := []string{"hollow", "half", "flat"}; !reflect.DeepEqual(got, want) {
		t.Errorf("worst columns %v, want %v", got, want)
	}
}
