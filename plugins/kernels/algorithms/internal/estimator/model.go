// SPDX-License-Identifier: Apache-2.0

package estimator

import (
	"context"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/baseline"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/linear"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/neighbours"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

// Target is what a model learns: Codes for a classification, Values for a
// regression.
type Target struct {
	Kind    task.Kind
	Classes int
	Codes   []int
	Values  []float64
}

// Take selects rows.
func (t Target) Take(rows []int) Target {
	out := Target{Kind: t.Kind, Classes: t.Classes}
	for _, r := range rows {
		if t.Kind == task.Classification {
			out.Codes = append(out.Codes, t.Codes[r])
		} else {
			out.Values = append(out.Values, t.Values[r])
		}
	}
	return out
}

// Model is a fitted Spec. Exactly one of the parts is set, or for kNN the index
// together with the targets of its rows.
type Model struct {
	Spec    Spec
	Kind    task.Kind
	Classes int // 0 for a regression
	Columns int // features expected

	Scaler   *dense.Scaler
	Logistic *linear.Logistic
	Ridge    *linear.Ridge
	Prior    *baseline.Prior
	Mean     *baseline.Mean
	Index    *neighbours.Index
	Codes    []int     // kNN classification
	Values   []float64 // kNN regression
}

// Prediction holds one answer per row: for a classification the probabilities
// and the most probable class, for a regression the value.
type Prediction struct {
	Proba  dense.Matrix
	Codes  []int
	Values []float64
}

// Fit learns s from x and t. It stops with ctx.Err() when the context ends.
func (s Spec) Fit(ctx context.Context, x dense.Matrix, t Target) (*Model, error) {
	if err := s.Supports(t.Kind); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := &Model{Spec: s, Kind: t.Kind, Classes: t.Classes, Columns: x.Cols}
	if s.ScaleInFold {
		scaler := dense.FitScaler(x)
		m.Scaler, x = &scaler, scaler.Apply(x)
	}
	return m, m.learn(ctx, x, t)
}

func (m *Model) learn(ctx context.Context, x dense.Matrix, t Target) (err error) {
	switch m.Spec.Kind {
	case Dummy:
		return m.learnBaseline(t)
	case Logistic:
		opt := linear.LogisticOptions{C: m.Spec.C, MaxIter: m.Spec.MaxIter}
		m.Logistic, err = linear.FitLogistic(ctx, x, t.Codes, t.Classes, opt)
	case Ridge:
		m.Ridge, err = linear.FitRidge(x, t.Values, m.Spec.Alpha)
	case KNN:
		m.Index, err = neighbours.NewIndex(x, m.Spec.K, m.Spec.Weights)
		m.Codes, m.Values = t.Codes, t.Values
	default:
		err = fmt.Errorf("estimator: unknown kind %q", m.Spec.Kind)
	}
	return err
}

func (m *Model) learnBaseline(t Target) (err error) {
	if t.Kind == task.Classification {
		m.Prior, err = baseline.FitPrior(t.Codes, t.Classes)
		return err
	}
	m.Mean, err = baseline.FitMean(t.Values)
	return err
}

// Notes lists what a reader of the scores should know about the fit.
func (m *Model) Notes() []string {
	var notes []string
	if m.Logistic != nil && !m.Logistic.Converged {
		notes = append(notes, fmt.Sprintf("did not converge in %d Newton steps", m.Logistic.Iterations))
	}
	if m.Ridge != nil && m.Ridge.Rank < m.Columns {
		notes = append(notes, fmt.Sprintf("columns are linearly dependent: rank %d of %d, minimum-norm solution", m.Ridge.Rank, m.Columns))
	}
	return notes
}

// Predict answers every row of x, which must have the columns that the model
// was fitted on.
func (m *Model) Predict(ctx context.Context, x dense.Matrix) (Prediction, error) {
	if x.Cols != m.Columns {
		return Prediction{}, fmt.Errorf("estimator: %d columns given, the model was fitted on %d", x.Cols, m.Columns)
	}
	if m.Scaler != nil {
		x = m.Scaler.Apply(x)
	}
	if m.Kind == task.Regression {
		v, err := m.values(ctx, x)
		return Prediction{Values: v}, err
	}
	p, err := m.proba(ctx, x)
	if err != nil {
		return Prediction{}, err
	}
	return Prediction{Proba: p, Codes: validation.Argmax(p)}, nil
}

func (m *Model) proba(ctx context.Context, x dense.Matrix) (dense.Matrix, error) {
	switch {
	case m.Logistic != nil:
		return m.Logistic.Proba(x), nil
	case m.Index != nil:
		return m.Index.Classify(ctx, x, m.Codes, m.Classes)
	default:
		return m.Prior.Proba(x.Rows), nil
	}
}

func (m *Model) values(ctx context.Context, x dense.Matrix) ([]float64, error) {
	switch {
	case m.Ridge != nil:
		return m.Ridge.Predict(x), nil
	case m.Index != nil:
		return m.Index.Regress(ctx, x, m.Values)
	default:
		return m.Mean.Predict(x.Rows), nil
	}
}
