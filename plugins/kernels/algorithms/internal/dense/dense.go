// SPDX-License-Identifier: Apache-2.0

// Package dense is the row-major matrix that the estimators share.
//
// Element (i, j) is Data[i*Cols+j]. A Matrix is plain data: no views, no
// strides, so that a model state can be written and read back as one array.
// All values are float64; missing values do not occur here, since the kernels
// refuse them at their boundary.
package dense

import (
	"fmt"
	"math"
)

// Matrix is a dense row-major matrix. len(Data) == Rows*Cols.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// New returns a zero matrix.
func New(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Data: make([]float64, rows*cols)}
}

// Wrap views data as a matrix without copying. It fails when the length does
// not match the shape.
func Wrap(rows, cols int, data []float64) (Matrix, error) {
	if rows < 0 || cols < 0 || !fits(rows, cols, len(data)) {
		return Matrix{}, fmt.Errorf("dense: %d values cannot fill a %d x %d matrix", len(data), rows, cols)
	}
	return Matrix{Rows: rows, Cols: cols, Data: data}, nil
}

// fits compares without the overflow that rows*cols could have.
func fits(rows, cols, n int) bool {
	if rows == 0 || cols == 0 {
		return n == 0
	}
	return n/rows == cols && n%rows == 0
}

// Row returns row i. It aliases the matrix.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// Take copies the given rows, in the given order.
func (m Matrix) Take(rows []int) Matrix {
	out := New(len(rows), m.Cols)
	for i, r := range rows {
		copy(out.Row(i), m.Row(r))
	}
	return out
}

// Clone copies the matrix.
func (m Matrix) Clone() Matrix {
	return Matrix{Rows: m.Rows, Cols: m.Cols, Data: append([]float64(nil), m.Data...)}
}

// Scaler standardises columns: (x - Mean) / Scale, with scikit-learn's
// convention that Scale is the population standard deviation (ddof 0) and 1
// for a column that does not vary.
type Scaler struct {
	Mean, Scale []float64
}

// FitScaler learns column means and scales.
func FitScaler(x Matrix) Scaler {
	s := Scaler{Mean: make([]float64, x.Cols), Scale: make([]float64, x.Cols)}
	n := float64(x.Rows)
	for i := 0; i < x.Rows; i++ {
		for j, v := range x.Row(i) {
			s.Mean[j] += v
		}
	}
	for j := range s.Mean {
		s.Mean[j] /= n
	}
	drift := make([]float64, x.Cols)
	for i := 0; i < x.Rows; i++ {
		for j, v := range x.Row(i) {
			d := v - s.Mean[j]
			s.Scale[j] += d * d
			drift[j] += d
		}
	}
	for j := range s.Scale {
		variance := (s.Scale[j] - drift[j]*drift[j]/n) / n
		s.Scale[j] = scaleOf(variance, s.Mean[j], n)
	}
	return s
}

// scaleOf turns a variance into a divisor. A variance that rounding alone
// could have made counts as zero.
func scaleOf(variance, mean, n float64) float64 {
	const eps = 0x1p-52
	noise := n * mean * eps
	if variance <= n*eps*variance+noise*noise {
		return 1
	}
	return math.Sqrt(variance)
}

// Apply returns a standardised copy of x.
func (s Scaler) Apply(x Matrix) Matrix {
	out := New(x.Rows, x.Cols)
	for i := 0; i < x.Rows; i++ {
		dst := out.Row(i)
		for j, v := range x.Row(i) {
			dst[j] = (v - s.Mean[j]) / s.Scale[j]
		}
	}
	return out
}
