// SPDX-License-Identifier: Apache-2.0

package linear_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/linear"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/reference"
)

// The reference was fitted by L-BFGS and stops a little above the minimum:
// 1.2e-6 on digits. The objective is 1-strongly convex, so its coefficients lie
// within sqrt(2*excess) of the minimiser; that distance is added to the
// tolerance of 1e-4. TestLogisticAnswerIsStationary shows which side is right.
func TestLogisticReproducesExactFits(t *testing.T) {
	ref := fixture.Load(t)
	for _, set := range []string{"iris", "wine", "breast_cancer", "digits"} {
		t.Run(set, func(t *testing.T) {
			want := reference.Decode[fixture.LogisticFit](t, ref.ExactFits["LogisticRegression_C1_std_full_"+set])
			x, y := fixture.Classification(t, set)
			xs := dense.FitScaler(x).Apply(x)
			m, err := linear.FitLogistic(context.Background(), xs, y.Codes, y.Classes, linear.LogisticOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !m.Converged {
				t.Errorf("did not converge in %d steps", m.Iterations)
			}
			const printed = 5e-8 // the reference objective has ten digits
			if m.Objective > want.Objective+printed {
				t.Errorf("objective %.10g is above the reference %.10g", m.Objective, want.Objective)
			}
			within(t, "objective", m.Objective, want.Objective, 1.2e-8*want.Objective)
			excess := math.Max(0, want.Objective-m.Objective) + printed
			checkLogistic(t, m, want, 1e-4+math.Sqrt(2*excess))
			acc := validation.Accuracy(y.Codes, validation.Argmax(m.Proba(xs)))
			within(t, "training accuracy", acc, want.TrainAcc, 1e-9)
		})
	}
}

func checkLogistic(t *testing.T, m *linear.Logistic, want fixture.LogisticFit, tol float64) {
	t.Helper()
	for k, b := range want.Intercept {
		within(t, "intercept", m.Intercept[k], b, tol)
	}
	for j := range min(len(want.Coef0), m.Coef.Cols) {
		within(t, "coefficient", m.Coef.Row(0)[j], want.Coef0[j], tol)
	}
}

func within(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.10g, want %.10g within %.2g", what, got, want, tol)
	}
}

// The gradient of the objective at the answer is zero: w = -C * X'(p - y).
func TestLogisticAnswerIsStationary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := randomProblem(t)
		classes := 3
		c := rapid.Float64Range(0.01, 10).Draw(t, "c")
		m, err := linear.FitLogistic(context.Background(), x, y, classes, linear.LogisticOptions{C: c})
		if err != nil {
			t.Fatal(err)
		}
		p := m.Proba(x)
		for k := range classes {
			grad := append([]float64(nil), m.Coef.Row(k)...)
			bias := 0.0
			for i := range y {
				r := p.Row(i)[k]
				if y[i] == k {
					r--
				}
				floats.AddScaled(grad, c*r, x.Row(i))
				bias += c * r
			}
			if n := floats.Norm(append(grad, bias), 2); n > 1e-5 {
				t.Fatalf("gradient of class %d has norm %g at the answer", k, n)
			}
		}
	})
}

func randomProblem(t *rapid.T) (dense.Matrix, []int) {
	n := rapid.IntRange(6, 40).Draw(t, "n")
	x := dense.New(n, 3)
	y := make([]int, n)
	for i := range x.Data {
		x.Data[i] = rapid.Float64Range(-3, 3).Draw(t, "x")
	}
	for i := range y {
		y[i] = i % 3
	}
	return x, y
}

func TestLogisticSeparableDataStaysFinite(t *testing.T) {
	x, _ := dense.Wrap(4, 1, []float64{-2, -1, 1, 2})
	m, err := linear.FitLogistic(context.Background(), x, []int{0, 0, 1, 1}, 2, linear.LogisticOptions{C: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	p := m.Proba(x)
	if !(p.Row(0)[1] < 0.01 && p.Row(3)[1] > 0.99) || math.IsInf(m.Coef.Data[0], 0) {
		t.Errorf("coefficients %v, probabilities %v", m.Coef.Data, p.Data)
	}
}

func TestLogisticBadInput(t *testing.T) {
	x, _ := dense.Wrap(2, 1, []float64{1, 2})
	cases := map[string]struct {
		y       []int
		classes int
		c       float64
	}{
		"one class":          {[]int{0, 0}, 1, 1},
		"label out of range": {[]int{0, 2}, 2, 1},
		"label count":        {[]int{0}, 2, 1},
		"negative C":         {[]int{0, 1}, 2, -1},
		"C not a number":     {[]int{0, 1}, 2, math.NaN()},
	}
	for name, c := range cases {
		if _, err := linear.FitLogistic(context.Background(), x, c.y, c.classes, linear.LogisticOptions{C: c.c}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLogisticStopsWithContext(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := linear.FitLogistic(ctx, x, y.Codes, 3, linear.LogisticOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestLogisticOneStepIsNotConverged(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	m, err := linear.FitLogistic(context.Background(), x, y.Codes, 3, linear.LogisticOptions{MaxIter: 1})
	if err != nil || m.Converged || m.Iterations != 1 {
		t.Errorf("model %+v, error %v", m, err)
	}
}

func TestRidgeReproducesExactFits(t *testing.T) {
	ref := fixture.Load(t)
	alphas := map[string]float64{"LinearRegression": 0, "Ridge_a1": 1, "Ridge_a0.1": 0.1}
	for _, set := range []string{"diabetes", "friedman1_1000x10_noise1_seed0"} {
		x, y := fixture.Values(t, set)
		for name, alpha := range alphas {
			t.Run(set+"/"+name, func(t *testing.T) {
				want := ref.Regression[set].Full[name]
				m, err := linear.FitRidge(x, y.Values, alpha)
				if err != nil {
					t.Fatal(err)
				}
				within(t, "intercept", m.Intercept, want.Intercept, 1e-9*math.Abs(want.Intercept))
				for j, c := range want.Coef {
					within(t, "coefficient", m.Coef[j], c, 2e-9*math.Max(1, math.Abs(c)))
				}
				within(t, "R2", validation.R2(y.Values, m.Predict(x)), want.R2, 1e-9)
				within(t, "MAE", validation.MAE(y.Values, m.Predict(x)), want.MAE, 1e-9*want.MAE)
			})
		}
	}
}

// Both solvers agree where both apply.
func TestRidgeShrinksToLeastSquares(t *testing.T) {
	x, y := fixture.Values(t, "friedman1_1000x10_noise1_seed0")
	exact, err := linear.FitRidge(x, y.Values, 0)
	if err != nil {
		t.Fatal(err)
	}
	tiny, err := linear.FitRidge(x, y.Values, 1e-9)
	if err != nil {
		t.Fatal(err)
	}
	if exact.Solver != linear.SolverSVD || tiny.Solver != linear.SolverCholesky {
		t.Errorf("solvers %s and %s", exact.Solver, tiny.Solver)
	}
	if d := floats.Distance(exact.Coef, tiny.Coef, math.Inf(1)); d > 1e-8 {
		t.Errorf("coefficients differ by %g", d)
	}
}

func TestRidgeDependentColumnsGiveMinimumNorm(t *testing.T) {
	x, _ := dense.Wrap(4, 2, []float64{1, 1, 2, 2, 3, 3, 4, 4})
	m, err := linear.FitRidge(x, []float64{2, 4, 6, 8}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rank != 1 {
		t.Errorf("rank %d, want 1", m.Rank)
	}
	within(t, "first", m.Coef[0], 1, 1e-12)
	within(t, "second", m.Coef[1], 1, 1e-12)
}

func TestRidgeMoreColumnsThanRows(t *testing.T) {
	x, _ := dense.Wrap(2, 3, []float64{1, 0, 2, 0, 1, 1})
	m, err := linear.FitRidge(x, []float64{1, 3}, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := m.Predict(x)
	within(t, "row 0", got[0], 1, 1e-12)
	within(t, "row 1", got[1], 3, 1e-12)
}

func TestRidgeNoColumnsIsTheMean(t *testing.T) {
	m, err := linear.FitRidge(dense.New(2, 0), []float64{1, 3}, 1)
	if err != nil || m.Intercept != 2 {
		t.Errorf("model %+v, error %v", m, err)
	}
}

func TestRidgeBadInput(t *testing.T) {
	x := dense.New(2, 1)
	for _, alpha := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := linear.FitRidge(x, []float64{1, 2}, alpha); err == nil {
			t.Errorf("alpha %v: no error", alpha)
		}
	}
	if _, err := linear.FitRidge(x, []float64{1}, 1); err == nil {
		t.Error("one target for two rows: no error")
	}
}

func BenchmarkLogisticDigits(b *testing.B) {
	x, y := fixture.Classification(b, "digits")
	xs := dense.FitScaler(x).Apply(x)
	for b.Loop() {
		if _, err := linear.FitLogistic(context.Background(), xs, y.Codes, y.Classes, linear.LogisticOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
