// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

func column(v ...float64) dense.Matrix { return dense.Matrix{Rows: len(v), Cols: 1, Data: v} }

func TestClassify(t *testing.T) {
	ix, err := NewIndex(column(0, 1, 2, 10, 11), 3, Uniform)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ix.Classify(context.Background(), column(0.4, 10.6), []int{0, 1, 1, 0, 0}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{1. / 3, 2. / 3, 2. / 3, 1. / 3}; !slices.Equal(p.Data, want) {
		t.Errorf("probabilities %v, want %v", p.Data, want)
	}
}

func TestRegressWeights(t *testing.T) {
	x, y := column(0, 1, 4), []float64{10, 20, 40}
	cases := []struct {
		name  string
		w     Weights
		query float64
		want  float64
	}{
		{"uniform", Uniform, 0.5, 15},
		{"distance, nearer counts more", Distance, 0.25, (10/0.25 + 20/0.75) / (1/0.25 + 1/0.75)},
		{"distance, a coincident row decides", Distance, 1, 20},
	}
	for _, c := range cases {
		ix, err := NewIndex(x, 2, c.w)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ix.Regress(context.Background(), column(c.query), y)
		if err != nil || math.Abs(got[0]-c.want) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestEqualDistancesKeepRowOrder(t *testing.T) {
	ix, _ := NewIndex(column(1, -1, 1, -1), 2, Uniform)
	found := ix.search([]float64{0}, nil)
	if found[0].Row != 0 || found[1].Row != 1 {
		t.Errorf("neighbours %v, want rows 0 and 1", found)
	}
}

// The search with early abandon equals a full sort.
func TestSearchEqualsSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols := rapid.IntRange(1, 40).Draw(t, "cols")
		rows := rapid.IntRange(1, 30).Draw(t, "rows")
		k := rapid.IntRange(1, rows).Draw(t, "k")
		cell := rapid.Map(rapid.IntRange(-2, 2), func(i int) float64 { return float64(i) })
		x := dense.Matrix{Rows: rows, Cols: cols, Data: rapid.SliceOfN(cell, rows*cols, rows*cols).Draw(t, "x")}
		q := rapid.SliceOfN(cell, cols, cols).Draw(t, "q")
		ix, err := NewIndex(x, k, Uniform)
		if err != nil {
			t.Fatal(err)
		}
		order := make([]int, rows)
		for i := range order {
			order[i] = i
		}
		dist := func(i int) float64 { return squared(q, x.Row(i), math.Inf(1)) }
		sort.SliceStable(order, func(a, b int) bool { return dist(order[a]) < dist(order[b]) })
		for i, nb := range ix.search(q, nil) {
			if nb.Row != order[i] {
				t.Fatalf("neighbour %d is row %d, a sort gives %d", i, nb.Row, order[i])
			}
		}
	})
}

func TestNewIndexRefuses(t *testing.T) {
	x := column(1, 2)
	for name, f := range map[string]func() (*Index, error){
		"k 0":     func() (*Index, error) { return NewIndex(x, 0, Uniform) },
		"k 3":     func() (*Index, error) { return NewIndex(x, 3, Uniform) },
		"weights": func() (*Index, error) { return NewIndex(x, 1, "gaussian") },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestQueriesRefuse(t *testing.T) {
	ix, _ := NewIndex(column(1, 2), 1, Uniform)
	if _, err := ix.Regress(context.Background(), dense.New(1, 2), []float64{1, 2}); err == nil {
		t.Error("two columns against one: no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ix.Regress(ctx, column(1), []float64{1, 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
