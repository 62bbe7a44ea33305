// SPDX-License-Identifier: Apache-2.0

package linear_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/linear"
)

// sample is a table with a linear target and noise.
func sample(rows, cols int, offset float64) (dense.Matrix, []float64) {
	random := rand.New(rand.NewPCG(3, 4))
	x, y := dense.New(rows, cols), make([]float64, rows)
	for i := range y {
		for j := range cols {
			x.Row(i)[j] = offset + random.NormFloat64()*float64(j+1)
			y[i] += x.Row(i)[j] * float64(j-1)
		}
		y[i] += random.NormFloat64()
	}
	return x, y
}

// summed adds the rows in blocks.
func summed(x dense.Matrix, y []float64, block int) *linear.Sums {
	s := linear.NewSums(x.Cols + 1)
	for from := 0; from < x.Rows; from += block {
		columns := make([][]float64, x.Cols+1)
		for i := from; i < min(from+block, x.Rows); i++ {
			for j, v := range x.Row(i) {
				columns[j] = append(columns[j], v)
			}
			columns[x.Cols] = append(columns[x.Cols], y[i])
		}
		s.Add(columns)
	}
	return s
}

// TestOnePassEqualsFitRidge whatever the blocks.
func TestOnePassEqualsFitRidge(t *testing.T) {
	for _, offset := range []float64{0, 1000} {
		x, y := sample(5000, 6, offset)
		for _, alpha := range []float64{0, 1, 250} {
			want, err := linear.FitRidge(x, y, alpha)
			if err != nil {
				t.Fatal(err)
			}
			for _, block := range []int{1, 64, 5000} {
				s := summed(x, y, block)
				got, err := s.Ridge(alpha)
				if err != nil {
					t.Fatal(err)
				}
				for j := range want.Coef {
					if math.Abs(got.Coef[j]-want.Coef[j]) > 1e-8 {
						t.Errorf("offset %g, alpha %g, blocks of %d: coefficients %v, want %v", offset, alpha, block, got.Coef, want.Coef)
						break
					}
				}
				left, total := s.Residual(got)
				if direct, all := squares(x, y, want); math.Abs(left-direct) > 1e-6*all || math.Abs(total-all) > 1e-6*all {
					t.Errorf("residual %g of %g, want %g of %g", left, total, direct, all)
				}
			}
		}
	}
}

func squares(x dense.Matrix, y []float64, m *linear.Ridge) (left, total float64) {
	mean := 0.0
	for _, v := range y {
		mean += v / float64(len(y))
	}
	for i, p := range m.Predict(x) {
		left += (y[i] - p) * (y[i] - p)
		total += (y[i] - mean) * (y[i] - mean)
	}
	return left, total
}

// TestOnePassOfDependentColumns takes the solution of least norm.
func TestOnePassOfDependentColumns(t *testing.T) {
	x, y := sample(300, 3, 0)
	for i := range x.Rows {
		x.Row(i)[2] = x.Row(i)[1]
	}
	want, err := linear.FitRidge(x, y, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := summed(x, y, 50).Ridge(0)
	if err != nil || got.Rank != 2 || math.Abs(got.Coef[1]-want.Coef[1]) > 1e-7 || math.Abs(got.Coef[2]-want.Coef[2]) > 1e-7 {
		t.Errorf("got %+v, want %+v, %v", got, want, err)
	}
}

func TestOnePassRefuses(t *testing.T) {
	if _, err := linear.NewSums(2).Ridge(1); err == nil {
		t.Error("no rows")
	}
	huge := linear.NewSums(2)
	huge.Add([][]float64{{1e200, -1e200}, {1, 2}})
	if _, err := huge.Ridge(1); err == nil {
		t.Error("values that overflow")
	}
	one := linear.NewSums(2)
	one.Add([][]float64{{1, 2}, {3, 4}})
	if _, err := one.Ridge(math.NaN()); err == nil {
		t.Error("an alpha that is no number")
	}
}
