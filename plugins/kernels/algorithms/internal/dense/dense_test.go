// SPDX-License-Identifier: Apache-2.0

package dense_test

import (
	"math"
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

func TestWrapChecksTheShape(t *testing.T) {
	for _, c := range []struct{ rows, cols, n int }{{2, 2, 3}, {-1, -1, 1}, {0, 3, 1}, {math.MaxInt, 2, 0}, {math.MaxInt, 3, math.MaxInt % 7}} {
		if _, err := dense.Wrap(c.rows, c.cols, make([]float64, c.n)); err == nil {
			t.Errorf("%d x %d from %d values: no error", c.rows, c.cols, c.n)
		}
	}
	if m, err := dense.Wrap(2, 3, make([]float64, 6)); err != nil || m.Rows != 2 {
		t.Errorf("2 x 3: %v", err)
	}
}

func TestTakeCopies(t *testing.T) {
	m := dense.Matrix{Rows: 3, Cols: 2, Data: []float64{1, 2, 3, 4, 5, 6}}
	got := m.Take([]int{2, 0})
	got.Row(0)[0] = 9
	if !slices.Equal(got.Data, []float64{9, 6, 1, 2}) || m.Data[4] != 5 {
		t.Errorf("got %v of %v", got.Data, m.Data)
	}
}

func TestScaler(t *testing.T) {
	m := dense.Matrix{Rows: 4, Cols: 2, Data: []float64{1, 0.1, 3, 0.1, 5, 0.1, 7, 0.1}}
	s := dense.FitScaler(m)
	if s.Mean[0] != 4 || math.Abs(s.Scale[0]-math.Sqrt(5)) > 1e-15 {
		t.Errorf("mean %v, scale %v", s.Mean[0], s.Scale[0])
	}
	if s.Scale[1] != 1 {
		t.Errorf("a constant column has scale %v", s.Scale[1])
	}
	if got := s.Apply(m).Row(3)[0]; math.Abs(got-3/math.Sqrt(5)) > 1e-15 {
		t.Errorf("scaled to %v", got)
	}
}
