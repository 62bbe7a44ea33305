// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Paired is the outcome of a corrected resampled t test.
type Paired struct {
	MeanDifference float64 // first minus second
	T              float64 // 0 when all differences are zero, infinite when all are equal and not zero
	DF             int     // folds - 1
	P              float64 // two-sided
}

// CorrectedT compares two models by their scores on the same folds. Training
// sets of different folds overlap, so the plain t test is far too sure of
// itself; Nadeau and Bengio (Machine Learning 52, 2003) replace the variance
// factor 1/k by 1/k + test/train. sizes are the test rows per fold.
func CorrectedT(a, b []float64, sizes []int) (Paired, error) {
	k := len(a)
	if k < 2 || len(b) != k || len(sizes) != k {
		return Paired{}, fmt.Errorf("validation: a paired test needs the same two or more folds, got %d, %d and %d", k, len(b), len(sizes))
	}
	d := make([]float64, k)
	for i := range d {
		d[i] = a[i] - b[i]
	}
	mean, sd := MeanSD(d)
	out := Paired{MeanDifference: mean, DF: k - 1}
	spread := sd * math.Sqrt(1/float64(k)+testToTrain(sizes))
	switch {
	case mean == 0:
		out.T, out.P = 0, 1
	case spread <= 1e-15*math.Abs(mean):
		out.T, out.P = math.Inf(sign(mean)), 0
	default:
		out.T = mean / spread
		out.P = 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(out.DF)}.CDF(-math.Abs(out.T))
	}
	return out, nil
}

func sign(v float64) int {
	if v < 0 {
		return -1
	}
	return 1
}

// testToTrain is the mean over folds of test rows by training rows.
func testToTrain(sizes []int) float64 {
	n := 0
	for _, s := range sizes {
		n += s
	}
	sum := 0.0
	for _, s := range sizes {
		sum += float64(s) / float64(n-s)
	}
	return sum / float64(len(sizes))
}
