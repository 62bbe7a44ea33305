// SPDX-License-Identifier: Apache-2.0

package linear

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

// Logistic is a fitted logistic regression.
//
// Coef has one row per linear score: one row for two classes (the score of
// class 1, the score of class 0 is zero), one row per class otherwise.
type Logistic struct {
	Classes    int
	Coef       dense.Matrix
	Intercept  []float64
	Objective  float64 // 0.5*||Coef||^2 + C*sum(log-loss), in nats
	Iterations int     // Newton steps taken
	Converged  bool    // gradient fell to the tolerance
}

// LogisticOptions are the settings of FitLogistic. Zero values take defaults.
type LogisticOptions struct {
	C       float64 // inverse strength of the L2 penalty; default 1
	MaxIter int     // Newton steps; default 200
}

// FitLogistic minimises 0.5*||w||^2 + C*sum_i logloss_i over coefficients w and
// unpenalised intercepts. Labels y are class codes in [0, classes).
//
// The objective is strongly convex in w, so the answer is unique up to
// rounding; intercepts of the multinomial form are centred to sum to zero.
// It returns ctx.Err() when the context ends first. When it does not reach the
// tolerance within MaxIter steps the best point is returned with Converged
// false.
func FitLogistic(ctx context.Context, x dense.Matrix, y []int, classes int, opt LogisticOptions) (*Logistic, error) {
	if err := checkLabels(x, y, classes); err != nil {
		return nil, err
	}
	if opt.C == 0 {
		opt.C = 1
	}
	if opt.C < 0 || math.IsNaN(opt.C) || math.IsInf(opt.C, 0) {
		return nil, fmt.Errorf("linear: C must be a positive number, got %v", opt.C)
	}
	if opt.MaxIter == 0 {
		opt.MaxIter = 200
	}
	problem := newSoftmax(x, y, classes, opt.C)
	res, err := minimise(ctx, problem, opt.MaxIter)
	if err != nil {
		return nil, err
	}
	return problem.model(res), nil
}

func checkLabels(x dense.Matrix, y []int, classes int) error {
	if x.Rows == 0 || x.Rows != len(y) {
		return fmt.Errorf("linear: %d labels for %d rows", len(y), x.Rows)
	}
	if classes < 2 {
		return errors.New("linear: logistic regression needs at least two classes")
	}
	for i, c := range y {
		if c < 0 || c >= classes {
			return fmt.Errorf("linear: row %d has class code %d, outside [0, %d)", i, c, classes)
		}
	}
	return nil
}

// softmax is the penalised log-likelihood problem. Parameters are laid out as
// scores rows of cols coefficients followed by one intercept each. With two
// classes there is one score and the softmax degenerates to the sigmoid.
type softmax struct {
	x       dense.Matrix
	y       []int
	scores  int
	classes int
	c       float64

	prob     dense.Matrix // n x scores: probabilities at the last point evaluated
	residual []float64    // scratch, one row of scores
}

func newSoftmax(x dense.Matrix, y []int, classes int, c float64) *softmax {
	scores := classes
	if classes == 2 {
		scores = 1
	}
	return &softmax{
		x: x, y: y, classes: classes, scores: scores, c: c,
		prob: dense.New(x.Rows, scores), residual: make([]float64, scores),
	}
}

func (s *softmax) dim() int { return s.scores * (s.x.Cols + 1) }

// row returns the coefficients and the intercept position of score k.
func (s *softmax) row(w []float64, k int) (coef []float64, bias int) {
	p := s.x.Cols + 1
	return w[k*p : k*p+s.x.Cols], k*p + s.x.Cols
}

// scoresOf writes the linear scores of one data row into dst.
func (s *softmax) scoresOf(dst, w, xi []float64) {
	for k := range dst {
		coef, bias := s.row(w, k)
		dst[k] = floats.Dot(coef, xi) + w[bias]
	}
}

// value evaluates objective and gradient at w and keeps the probabilities for
// the Hessian products that follow.
func (s *softmax) value(w, grad []float64) float64 {
	loss := 0.0
	clear(grad)
	for i := 0; i < s.x.Rows; i++ {
		xi, p := s.x.Row(i), s.prob.Row(i)
		s.scoresOf(p, w, xi)
		loss += s.probabilities(p, s.y[i])
		s.scatter(grad, xi, s.residualOf(p, s.y[i]))
	}
	floats.Scale(s.c, grad)
	return s.c*loss + s.penalty(w, grad, w)
}

// probabilities turns scores into probabilities in place and returns the
// log-loss of the row.
func (s *softmax) probabilities(p []float64, label int) float64 {
	if s.scores == 1 {
		z := p[0]
		p[0] = sigmoid(z)
		if label == 1 {
			z = -z
		}
		return log1pExp(z)
	}
	target := p[label]
	top := floats.Max(p)
	sum := 0.0
	for k, z := range p {
		p[k] = math.Exp(z - top)
		sum += p[k]
	}
	floats.Scale(1/sum, p)
	return math.Log(sum) + top - target
}

func (s *softmax) residualOf(p []float64, label int) []float64 {
	copy(s.residual, p)
	if s.scores == 1 {
		s.residual[0] -= float64(label)
	} else {
		s.residual[label]--
	}
	return s.residual
}

// scatter adds the outer product of the row weights and (xi, 1) to out.
func (s *softmax) scatter(out, xi, weights []float64) {
	for k, r := range weights {
		coef, bias := s.row(out, k)
		floats.AddScaled(coef, r, xi)
		out[bias] += r
	}
}

// penalty adds the gradient of 0.5*||w||^2 at v to out and returns the value
// at w. Intercepts are free.
func (s *softmax) penalty(w, out, v []float64) float64 {
	total := 0.0
	for k := 0; k < s.scores; k++ {
		cw, _ := s.row(w, k)
		co, _ := s.row(out, k)
		cv, _ := s.row(v, k)
		total += floats.Dot(cw, cw)
		floats.Add(co, cv)
	}
	return 0.5 * total
}

// hessian writes H*v into out, with H at the last point given to value.
func (s *softmax) hessian(v, out []float64) {
	clear(out)
	u := s.residual
	for i := 0; i < s.x.Rows; i++ {
		xi, p := s.x.Row(i), s.prob.Row(i)
		s.scoresOf(u, v, xi)
		s.curvature(p, u)
		s.scatter(out, xi, u)
	}
	floats.Scale(s.c, out)
	s.penalty(v, out, v)
}

// curvature applies diag(p) - p*p' to u in place.
func (s *softmax) curvature(p, u []float64) {
	if s.scores == 1 {
		u[0] *= p[0] * (1 - p[0])
		return
	}
	mean := floats.Dot(p, u)
	for k := range u {
		u[k] = p[k] * (u[k] - mean)
	}
}

// diagonal writes the diagonal of H, the preconditioner, into out.
func (s *softmax) diagonal(out []float64) {
	clear(out)
	for i := 0; i < s.x.Rows; i++ {
		xi := s.x.Row(i)
		for k, p := range s.prob.Row(i) {
			h := s.c * p * (1 - p)
			coef, bias := s.row(out, k)
			for j, v := range xi {
				coef[j] += h * v * v
			}
			out[bias] += h
		}
	}
	for k := 0; k < s.scores; k++ {
		coef, bias := s.row(out, k)
		floats.AddConst(1, coef)
		out[bias] = math.Max(out[bias], 1e-12)
	}
}

func (s *softmax) model(res minimum) *Logistic {
	m := &Logistic{
		Classes: s.classes, Coef: dense.New(s.scores, s.x.Cols), Intercept: make([]float64, s.scores),
		Objective: res.value, Iterations: res.iterations, Converged: res.converged,
	}
	for k := 0; k < s.scores; k++ {
		coef, bias := s.row(res.point, k)
		copy(m.Coef.Row(k), coef)
		m.Intercept[k] = res.point[bias]
	}
	if s.scores > 1 {
		floats.AddConst(-floats.Sum(m.Intercept)/float64(s.scores), m.Intercept)
	}
	return m
}

// Proba returns the class probabilities, one row per row of x.
func (m *Logistic) Proba(x dense.Matrix) dense.Matrix {
	out := dense.New(x.Rows, m.Classes)
	for i := 0; i < x.Rows; i++ {
		m.probaRow(out.Row(i), x.Row(i))
	}
	return out
}

func (m *Logistic) probaRow(dst, xi []float64) {
	if m.Classes == 2 {
		p := sigmoid(floats.Dot(m.Coef.Row(0), xi) + m.Intercept[0])
		dst[0], dst[1] = 1-p, p
		return
	}
	for k := range dst {
		dst[k] = floats.Dot(m.Coef.Row(k), xi) + m.Intercept[k]
	}
	top := floats.Max(dst)
	for k, z := range dst {
		dst[k] = math.Exp(z - top)
	}
	floats.Scale(1/floats.Sum(dst), dst)
}

func sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
}

// log1pExp is log(1+exp(z)) without overflow.
func log1pExp(z float64) float64 {
	if z > 0 {
		return z + math.Log1p(math.Exp(-z))
	}
	return math.Log1p(math.Exp(z))
}
