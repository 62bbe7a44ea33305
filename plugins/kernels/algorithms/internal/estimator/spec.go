// SPDX-License-Identifier: Apache-2.0

// Package estimator gives every model one shape: a Spec is fitted on rows and a
// target and becomes a Model, which predicts.
//
// A Spec may ask for standardised columns; the scaler is then learned inside
// Fit and kept in the model, so that cross-validation never sees statistics of
// the rows that it tests on. A Model is plain arrays (see Encode).
package estimator

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/neighbours"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
)

// Kind names a family of models.
type Kind string

// The families. Dummy, Logistic, Ridge and KNN are also the names of kernels.
const (
	Dummy    Kind = "dummy"
	Logistic Kind = "logistic"
	Ridge    Kind = "ridge"
	KNN      Kind = "knn"
)

// Spec says what to fit. Parameters of other kinds are ignored.
type Spec struct {
	Name        string             `json:"name"`
	Kind        Kind               `json:"kind"`
	ScaleInFold bool               `json:"scale_in_fold,omitempty"`
	C           float64            `json:"c,omitempty"`        // logistic: inverse penalty
	MaxIter     int                `json:"max_iter,omitempty"` // logistic: Newton steps
	Alpha       float64            `json:"alpha,omitempty"`    // ridge: penalty, 0 is least squares
	K           int                `json:"k,omitempty"`        // knn: neighbours
	Weights     neighbours.Weights `json:"weights,omitempty"`  // knn: weighting
}

// Supports reports whether the kind can do the task, with the reason if not.
func (s Spec) Supports(k task.Kind) error {
	switch {
	case s.Kind == Logistic && k == task.Regression:
		return fmt.Errorf("logistic regression predicts classes, not numbers: use ridge, knn or auto for a regression")
	case s.Kind == Ridge && k == task.Classification:
		return fmt.Errorf("ridge regression predicts numbers, not classes: use logistic, knn or auto for a classification")
	}
	return nil
}

// Line-up of the automatic race, the baseline first. Order breaks exact ties.
func LineUp(k task.Kind) []Spec {
	if k == task.Regression {
		return []Spec{
			{Name: "dummy_mean", Kind: Dummy},
			{Name: "ols", Kind: Ridge},
			{Name: "ridge_a0.1", Kind: Ridge, Alpha: 0.1},
			{Name: "ridge_a1", Kind: Ridge, Alpha: 1},
			{Name: "knn5", Kind: KNN, K: 5, Weights: neighbours.Uniform},
			{Name: "knn5_std", Kind: KNN, K: 5, Weights: neighbours.Uniform, ScaleInFold: true},
		}
	}
	return []Spec{
		{Name: "dummy_prior", Kind: Dummy},
		{Name: "logistic_std", Kind: Logistic, C: 1, ScaleInFold: true},
		{Name: "knn5", Kind: KNN, K: 5, Weights: neighbours.Uniform},
		{Name: "knn5_std", Kind: KNN, K: 5, Weights: neighbours.Uniform, ScaleInFold: true},
	}
}
