// SPDX-License-Identifier: Apache-2.0

// Package linear holds the linear models: logistic regression (binary and
// multinomial, L2) and ridge regression with ordinary least squares as its
// limit.
//
// Logistic regression minimises 0.5*||w||^2 + C*sum(log-loss), scikit-learn's
// objective, with the intercept unpenalised; the solver is a truncated Newton
// method that runs until the gradient is 1e-10 of its start, so two runs, two
// machines or two libraries agree on the answer and not only on its neighbourhood.
//
// Ridge regression minimises ||y - Xw - b||^2 + alpha*||w||^2 in closed form on
// centred data. With alpha 0, or when the normal equations are not positive
// definite, it returns the least-squares solution of minimum norm from a QR
// factorisation followed by the singular value decomposition of R.
package linear

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

// Solver names how a ridge regression was solved.
type Solver string

// The solvers.
const (
	SolverCholesky Solver = "cholesky" // normal equations
	SolverSVD      Solver = "svd"      // minimum-norm, used for alpha 0 and singular systems
)

// Ridge is a fitted linear regression: x*Coef + Intercept.
type Ridge struct {
	Coef      []float64
	Intercept float64
	Alpha     float64
	Solver    Solver
	Rank      int // numerical rank used; columns when Solver is cholesky
}

// FitRidge fits a ridge regression with the given penalty, which must be
// finite and not negative.
func FitRidge(x dense.Matrix, y []float64, alpha float64) (*Ridge, error) {
	if x.Rows == 0 || x.Rows != len(y) {
		return nil, fmt.Errorf("linear: %d targets for %d rows", len(y), x.Rows)
	}
	if !(alpha >= 0) || math.IsInf(alpha, 0) {
		return nil, fmt.Errorf("linear: alpha must be a finite number of at least 0, got %v", alpha)
	}
	m := &Ridge{Alpha: alpha, Coef: make([]float64, x.Cols)}
	if x.Cols == 0 {
		m.Intercept, m.Solver = floats.Sum(y)/float64(len(y)), SolverCholesky
		return m, nil
	}
	xc, means := centre(x)
	yc, ymean := centreVector(y)
	if err := m.solve(xc, yc); err != nil {
		return nil, err
	}
	m.Intercept = ymean - floats.Dot(means, m.Coef)
	return m, nil
}

func (m *Ridge) solve(x *mat.Dense, y *mat.VecDense) error {
	if m.Alpha > 0 && m.cholesky(x, y) {
		return nil
	}
	return m.leastNorm(x, y)
}

// cholesky solves the normal equations; it reports false when they are not
// numerically positive definite.
func (m *Ridge) cholesky(x *mat.Dense, y *mat.VecDense) bool {
	_, p := x.Dims()
	gram := mat.NewSymDense(p, nil)
	gram.SymOuterK(1, x.T())
	for j := range p {
		gram.SetSym(j, j, gram.At(j, j)+m.Alpha)
	}
	var chol mat.Cholesky
	if !chol.Factorize(gram) || chol.Cond() > 1e14 {
		return false
	}
	var rhs, w mat.VecDense
	rhs.MulVec(x.T(), y)
	if err := chol.SolveVecTo(&w, &rhs); err != nil {
		return false
	}
	copy(m.Coef, w.RawVector().Data)
	m.Solver, m.Rank = SolverCholesky, p
	return true
}

// leastNorm solves by singular values; alpha damps them.
func (m *Ridge) leastNorm(x *mat.Dense, y *mat.VecDense) error {
	a, b := reduce(x, y)
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDThin) {
		return errors.New("linear: the singular value decomposition did not converge")
	}
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	s := svd.Values(nil)
	r, c := x.Dims()
	cut := s[0] * math.Max(float64(r), float64(c)) * 0x1p-52
	var proj mat.VecDense
	proj.MulVec(u.T(), b)
	for i, sv := range s {
		if sv <= cut {
			proj.SetVec(i, 0)
			continue
		}
		m.Rank++
		proj.SetVec(i, proj.AtVec(i)*sv/(sv*sv+m.Alpha))
	}
	var w mat.VecDense
	w.MulVec(&v, &proj)
	copy(m.Coef, w.RawVector().Data)
	m.Solver = SolverSVD
	return nil
}

// reduce replaces a tall system by its triangular factor, which has the same
// solution and a far cheaper singular value decomposition.
func reduce(x *mat.Dense, y *mat.VecDense) (*mat.Dense, *mat.VecDense) {
	n, p := x.Dims()
	if n <= p {
		return x, y
	}
	aug := mat.NewDense(n, p+1, nil)
	aug.Slice(0, n, 0, p).(*mat.Dense).Copy(x)
	aug.SetCol(p, y.RawVector().Data)
	var qr mat.QR
	qr.Factorize(aug)
	var r mat.Dense
	qr.RTo(&r)
	rows := p + 1
	b := mat.NewVecDense(rows, nil)
	for i := range rows {
		b.SetVec(i, r.At(i, p))
	}
	return mat.DenseCopyOf(r.Slice(0, rows, 0, p)), b
}

// Predict returns one value per row of x.
func (m *Ridge) Predict(x dense.Matrix) []float64 {
	out := make([]float64, x.Rows)
	for i := range out {
		out[i] = floats.Dot(x.Row(i), m.Coef) + m.Intercept
	}
	return out
}

func centre(x dense.Matrix) (*mat.Dense, []float64) {
	means := make([]float64, x.Cols)
	for i := 0; i < x.Rows; i++ {
		floats.Add(means, x.Row(i))
	}
	floats.Scale(1/float64(x.Rows), means)
	c := x.Clone()
	for i := 0; i < c.Rows; i++ {
		floats.Sub(c.Row(i), means)
	}
	return mat.NewDense(c.Rows, c.Cols, c.Data), means
}

func centreVector(y []float64) (*mat.VecDense, float64) {
	mean := floats.Sum(y) / float64(len(y))
	c := append([]float64(nil), y...)
	floats.AddConst(-mean, c)
	return mat.NewVecDense(len(c), c), mean
}
