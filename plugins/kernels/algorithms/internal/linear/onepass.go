// SPDX-License-Identifier: Apache-2.0

package linear

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Sums are the centred cross products of columns, the last of which is the
// target: all that a linear regression needs to know of its rows, in memory that
// does not grow with them. Blocks are joined by the formula of Chan, Golub and
// LeVeque (1979), so that the result depends on how rows were cut into blocks by
// rounding alone.
type Sums struct {
	// Rows added.
	Rows int64
	// Mean of each column.
	Mean []float64
	// Cross holds, at i*columns+j for i <= j, the sum over rows of
	// (x_i - mean_i) * (x_j - mean_j).
	Cross []float64
}

// NewSums makes sums of so many columns, the target included.
func NewSums(columns int) *Sums {
	return &Sums{Mean: make([]float64, columns), Cross: make([]float64, columns*columns)}
}

// Add takes a block of rows, given by columns of equal length. It changes them.
func (s *Sums) Add(columns [][]float64) {
	rows := len(columns[0])
	if rows == 0 {
		return
	}
	means := make([]float64, len(columns))
	for j, c := range columns {
		means[j] = floats.Sum(c) / float64(rows)
		floats.AddConst(-means[j], c)
	}
	before, total := float64(s.Rows), float64(s.Rows+int64(rows))
	share := before * float64(rows) / total
	p := len(columns)
	for i := range columns {
		di := means[i] - s.Mean[i]
		for j := i; j < p; j++ {
			s.Cross[i*p+j] += floats.Dot(columns[i], columns[j]) + di*(means[j]-s.Mean[j])*share
		}
	}
	for j := range means {
		s.Mean[j] += (means[j] - s.Mean[j]) * float64(rows) / total
	}
	s.Rows += int64(rows)
}

// Ridge solves for the last column from the others. It is the regression that
// FitRidge makes of the same rows, up to rounding that the squares double: with
// alpha 0 and columns that nearly depend on each other, FitRidge is the more
// exact one.
func (s *Sums) Ridge(alpha float64) (*Ridge, error) {
	p := len(s.Mean) - 1
	if s.Rows == 0 {
		return nil, errors.New("linear: no rows")
	}
	if !(alpha >= 0) || math.IsInf(alpha, 0) {
		return nil, fmt.Errorf("linear: alpha must be a finite number of at least 0, got %v", alpha)
	}
	gram, rhs, err := s.normal(alpha)
	if err != nil {
		return nil, err
	}
	m := &Ridge{Alpha: alpha, Coef: make([]float64, p)}
	var chol mat.Cholesky
	var w mat.VecDense
	switch {
	case p == 0:
		m.Solver = SolverCholesky
	case chol.Factorize(gram) && chol.Cond() <= 1e14 && chol.SolveVecTo(&w, rhs) == nil:
		copy(m.Coef, w.RawVector().Data)
		m.Solver, m.Rank = SolverCholesky, p
	default:
		if err := m.leastNormSym(gram, rhs); err != nil {
			return nil, err
		}
	}
	m.Intercept = s.Mean[p] - floats.Dot(s.Mean[:p], m.Coef)
	return m, nil
}

// normal are the normal equations.
func (s *Sums) normal(alpha float64) (*mat.SymDense, *mat.VecDense, error) {
	all := len(s.Mean)
	p := all - 1
	if !finite(s.Cross) || !finite(s.Mean) {
		return nil, nil, errors.New("linear: the values are too large to be squared; scale them first")
	}
	if p == 0 {
		return nil, nil, nil
	}
	gram, rhs := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			gram.SetSym(i, j, s.Cross[i*all+j])
		}
		gram.SetSym(i, i, s.Cross[i*all+i]+alpha)
		rhs.SetVec(i, s.Cross[i*all+p])
	}
	return gram, rhs, nil
}

func finite(v []float64) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

// leastNormSym solves a singular system by its eigenvalues: the solution of
// least norm.
func (m *Ridge) leastNormSym(gram *mat.SymDense, rhs *mat.VecDense) error {
	var eig mat.EigenSym
	if !eig.Factorize(gram, true) {
		return errors.New("linear: the eigenvalue decomposition did not converge")
	}
	var v mat.Dense
	eig.VectorsTo(&v)
	values := eig.Values(nil)
	cut := values[len(values)-1] * float64(len(values)) * 0x1p-52
	var proj, w mat.VecDense
	proj.MulVec(v.T(), rhs)
	for i, x := range values {
		if x <= cut {
			proj.SetVec(i, 0)
			continue
		}
		m.Rank++
		proj.SetVec(i, proj.AtVec(i)/x)
	}
	w.MulVec(&v, &proj)
	copy(m.Coef, w.RawVector().Data)
	m.Solver = SolverSVD
	return nil
}

// Residual is the sum of squares that the regression leaves of the target's,
// and Total the target's own.
func (s *Sums) Residual(m *Ridge) (residual, total float64) {
	all := len(s.Mean)
	p := all - 1
	total = s.Cross[p*all+p]
	residual = total
	for i, wi := range m.Coef {
		residual -= 2 * wi * s.Cross[i*all+p]
		for j, wj := range m.Coef {
			residual += wi * wj * s.Cross[min(i, j)*all+max(i, j)]
		}
	}
	return max(0, residual), total
}
