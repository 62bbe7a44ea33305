// SPDX-License-Identifier: Apache-2.0

package estimator_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

// In the sample, kNN with distance weights finds each row itself: R2 is 1.
func TestFullFitsReproduceReference(t *testing.T) {
	ref := fixture.Load(t)
	for _, set := range []string{"diabetes", "friedman1_1000x10_noise1_seed0"} {
		x, y := fixture.Values(t, set)
		for name, spec := range map[string]estimator.Spec{
			"kNN5":           {Kind: estimator.KNN, K: 5, Weights: "uniform"},
			"kNN10_distance": {Kind: estimator.KNN, K: 10, Weights: "distance"},
			"Ridge_a1":       {Kind: estimator.Ridge, Alpha: 1},
		} {
			m, err := spec.Fit(context.Background(), x, y)
			if err != nil {
				t.Fatal(err)
			}
			p, err := m.Predict(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			want := ref.Regression[set].Full[name]
			if got := validation.R2(y.Values, p.Values); math.Abs(got-want.R2) > 1e-9 {
				t.Errorf("%s on %s: R2 %v, reference %v", name, set, got, want.R2)
			}
			if got := validation.MAE(y.Values, p.Values); math.Abs(got-want.MAE) > 1e-9*want.MAE {
				t.Errorf("%s on %s: MAE %v, reference %v", name, set, got, want.MAE)
			}
		}
	}
}

// Standardising twice is standardising once, so a scaled input changes nothing
// for a model that standardises in the fold.
func TestStandardiseTwice(t *testing.T) {
	x, y := fixture.Classification(t, "wine")
	spec := estimator.Spec{Kind: estimator.Logistic, C: 1, ScaleInFold: true}
	var proba [2]dense.Matrix
	for i, in := range []dense.Matrix{x, dense.FitScaler(x).Apply(x)} {
		m, err := spec.Fit(context.Background(), in, y)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		proba[i] = p.Proba
	}
	for i, v := range proba[0].Data {
		if math.Abs(v-proba[1].Data[i]) > 1e-9 {
			t.Fatalf("probability %d: %v and %v", i, v, proba[1].Data[i])
		}
	}
}

func TestSupports(t *testing.T) {
	ctx, x := context.Background(), dense.New(2, 1)
	classes := estimator.Target{Kind: task.Classification, Classes: 2, Codes: []int{0, 1}}
	values := estimator.Target{Kind: task.Regression, Values: []float64{0, 1}}
	if _, err := (estimator.Spec{Kind: estimator.Logistic}).Fit(ctx, x, values); err == nil || !strings.Contains(err.Error(), "use ridge") {
		t.Errorf("logistic on numbers: %v", err)
	}
	if _, err := (estimator.Spec{Kind: estimator.Ridge}).Fit(ctx, x, classes); err == nil || !strings.Contains(err.Error(), "use logistic") {
		t.Errorf("ridge on classes: %v", err)
	}
	if _, err := (estimator.Spec{Kind: "forest"}).Fit(ctx, x, classes); err == nil {
		t.Error("unknown kind: no error")
	}
	for _, k := range []task.Kind{task.Classification, task.Regression} {
		for i, s := range estimator.LineUp(k) {
			if err := s.Supports(k); err != nil || (i == 0) != (s.Kind == estimator.Dummy) {
				t.Errorf("line-up of %s: %+v, %v", k, s, err)
			}
		}
	}
}

func TestPredictRefuses(t *testing.T) {
	m, err := (estimator.Spec{Kind: estimator.Dummy}).Fit(context.Background(), dense.New(2, 1), estimator.Target{Kind: task.Regression, Values: []float64{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Predict(context.Background(), dense.New(1, 2)); err == nil {
		t.Error("two columns against one: no error")
	}
}

func TestNotes(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	m, err := (estimator.Spec{Kind: estimator.Logistic, MaxIter: 1}).Fit(context.Background(), x, y)
	if err != nil || len(m.Notes()) != 1 || !strings.Contains(m.Notes()[0], "did not converge") {
		t.Errorf("notes %v, error %v", m.Notes(), err)
	}
	twins := dense.Matrix{Rows: 3, Cols: 2, Data: []float64{1, 1, 2, 2, 3, 3}}
	r, err := (estimator.Spec{Kind: estimator.Ridge}).Fit(context.Background(), twins, estimator.Target{Kind: task.Regression, Values: []float64{1, 2, 3}})
	if err != nil || len(r.Notes()) != 1 || !strings.Contains(r.Notes()[0], "rank 1 of 2") {
		t.Errorf("notes %v, error %v", r.Notes(), err)
	}
}

func TestFitStopsWithContext(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (estimator.Spec{Kind: estimator.Logistic}).Fit(ctx, x, y); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
