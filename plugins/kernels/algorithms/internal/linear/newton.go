// SPDX-License-Identifier: Apache-2.0

package linear

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
)

// relativeTolerance bounds the gradient norm at the answer relative to the norm
// at the start. The penalty makes the objective 1-strongly convex in the
// coefficients, so their error is at most the gradient norm.
const relativeTolerance = 1e-10

// solveTo bounds the residual of each Newton system relative to the gradient. A
// fixed tenth makes a few steps more than a tightening bound does, and a third
// of the Hessian products (digits: 210 instead of 687).
const solveTo = 0.1

// objective is a smooth convex function with Hessian products.
type objective interface {
	dim() int
	value(w, grad []float64) float64
	hessian(v, out []float64)
	diagonal(out []float64)
}

// minimum is the outcome of minimise.
type minimum struct {
	point      []float64
	value      float64
	iterations int
	converged  bool
}

// minimise runs a truncated Newton method from zero: each step solves
// H d = -g roughly by preconditioned conjugate gradients, then backtracks along
// d. No step depends on time or on
// the number of processors.
func minimise(ctx context.Context, f objective, maxIter int) (minimum, error) {
	n := newton{f: f, w: make([]float64, f.dim()), g: make([]float64, f.dim())}
	n.value = f.value(n.w, n.g)
	n.start = floats.Norm(n.g, 2)
	tol := relativeTolerance * math.Max(1, n.start)
	for it := range maxIter {
		if floats.Norm(n.g, 2) <= tol {
			return minimum{n.w, n.value, it, true}, nil
		}
		d, err := n.direction(ctx)
		if err != nil {
			return minimum{}, err
		}
		if !n.step(d) {
			// Rounding hides any further descent: accept what a millionth of
			// the starting gradient would have accepted.
			return minimum{n.w, n.value, it, floats.Norm(n.g, 2) <= 1e-7*math.Max(1, n.start)}, nil
		}
	}
	return minimum{n.w, n.value, maxIter, floats.Norm(n.g, 2) <= tol}, nil
}

type newton struct {
	f     objective
	w, g  []float64
	value float64
	start float64
}

// direction solves H d = -g by preconditioned conjugate gradients.
func (n *newton) direction(ctx context.Context) ([]float64, error) {
	dim := len(n.w)
	pre := make([]float64, dim)
	n.f.diagonal(pre)
	stop := solveTo * floats.Norm(n.g, 2)
	d, r := make([]float64, dim), make([]float64, dim)
	floats.AddScaled(r, -1, n.g)
	z := make([]float64, dim)
	floats.DivTo(z, r, pre)
	p, hp := append([]float64(nil), z...), make([]float64, dim)
	rz := floats.Dot(r, z)
	for it := 0; it < 10*dim+10 && floats.Norm(r, 2) > stop; it++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n.f.hessian(p, hp)
		curve := floats.Dot(p, hp)
		if curve <= 0 {
			break
		}
		alpha := rz / curve
		floats.AddScaled(d, alpha, p)
		floats.AddScaled(r, -alpha, hp)
		floats.DivTo(z, r, pre)
		next := floats.Dot(r, z)
		floats.Scale(next/rz, p)
		floats.Add(p, z)
		rz = next
	}
	return d, nil
}

// step backtracks along d until the objective falls enough, or, close to the
// answer where differences of values drown in rounding, until the gradient
// shrinks. It reports whether it moved.
func (n *newton) step(d []float64) bool {
	slope := floats.Dot(n.g, d)
	if slope >= 0 {
		return false
	}
	w, g := make([]float64, len(d)), make([]float64, len(d))
	noise := 1e-14 * math.Abs(n.value)
	before := floats.Norm(n.g, 2)
	for t := 1.0; t > 1e-10; t /= 2 {
		floats.AddScaledTo(w, n.w, t, d)
		v := n.f.value(w, g)
		descended := v <= n.value+1e-4*t*slope
		flat := math.Abs(v-n.value) <= noise && floats.Norm(g, 2) < before
		if descended || flat {
			n.w, n.g, n.value = w, g, v
			return true
		}
	}
	n.value = n.f.value(n.w, n.g)
	return false
}
