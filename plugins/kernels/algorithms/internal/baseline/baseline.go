// SPDX-License-Identifier: Apache-2.0

// Package baseline holds the models that ignore their input. A model that does
// not beat them has learned nothing.
package baseline

import (
	"errors"

	"gonum.org/v1/gonum/floats"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

// Prior predicts the class frequencies of the training data for every row.
type Prior struct{ Probabilities []float64 }

// FitPrior counts classes; y holds codes in [0, classes).
func FitPrior(y []int, classes int) (*Prior, error) {
	if len(y) == 0 || classes < 1 {
		return nil, errors.New("baseline: no labels to learn from")
	}
	p := make([]float64, classes)
	for _, c := range y {
		p[c]++
	}
	floats.Scale(1/float64(len(y)), p)
	return &Prior{Probabilities: p}, nil
}

// Proba repeats the priors for each of n rows.
func (m *Prior) Proba(n int) dense.Matrix {
	out := dense.New(n, len(m.Probabilities))
	for i := range n {
		copy(out.Row(i), m.Probabilities)
	}
	return out
}

// Mean predicts the mean target of the training data for every row.
type Mean struct{ Value float64 }

// FitMean averages y.
func FitMean(y []float64) (*Mean, error) {
	if len(y) == 0 {
		return nil, errors.New("baseline: no targets to learn from")
	}
	return &Mean{Value: floats.Sum(y) / float64(len(y))}, nil
}

// Predict repeats the mean for each of n rows.
func (m *Mean) Predict(n int) []float64 {
	out := make([]float64, n)
	floats.AddConst(m.Value, out)
	return out
}
