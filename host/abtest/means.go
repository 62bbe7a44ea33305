// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Outcome of one test. What could not be computed is None.
type Outcome struct {
	// Statistic of the test, and P, two-sided.
	Statistic, P Number
	// Effect is b less a, with its interval.
	Effect, Low, High Number
	// Size is Cohen's d, where the test is of means.
	Size Number
}

func unknown() Outcome {
	return Outcome{None, None, None, None, None, None}
}

// Welch compares two means whose variances may differ (Welch 1947), with the
// interval of 1 - alpha and Cohen's d of the pooled deviation. It needs two
// numbers on each side.
func Welch(a, b *Moments, alpha float64) Outcome {
	out := unknown()
	if a.N < 2 || b.N < 2 {
		return out
	}
	na, nb := float64(a.N), float64(b.N)
	va, vb := a.Variance(), b.Variance()
	diff := b.mean - a.mean
	out.Effect = Number(diff)
	if va == 0 && vb == 0 {
		return constant(out, diff)
	}
	ea, eb := va/na, vb/nb
	df := (ea + eb) * (ea + eb) / (ea*ea/(na-1) + eb*eb/(nb-1))
	out = student(out, diff, math.Sqrt(ea+eb), df, alpha)
	pooled := math.Sqrt(((na-1)*va + (nb-1)*vb) / (na + nb - 2))
	out.Size = Number(diff / pooled)
	return out
}

// PairedT tests whether the mean of differences is 0 (Student 1908).
func PairedT(d *Moments, alpha float64) Outcome {
	out := unknown()
	if d.N < 2 {
		return out
	}
	out.Effect = Number(d.mean)
	if d.Variance() == 0 {
		return constant(out, d.mean)
	}
	out = student(out, d.mean, d.Deviation()/math.Sqrt(float64(d.N)), float64(d.N-1), alpha)
	out.Size = Number(d.mean / d.Deviation())
	return out
}

// student fills in t, p and the interval.
func student(out Outcome, diff, se, df, alpha float64) Outcome {
	t := diff / se
	dist := distuv.StudentsT{Sigma: 1, Nu: df}
	reach := dist.Quantile(1-alpha/2) * se
	out.Statistic, out.P = Number(t), Number(2*dist.CDF(-math.Abs(t)))
	out.Low, out.High = Number(diff-reach), Number(diff+reach)
	return out
}

// constant is the outcome where nothing varies: a difference is certain.
func constant(out Outcome, diff float64) Outcome {
	out.Low, out.High, out.P = Number(diff), Number(diff), 1
	if diff != 0 {
		out.P = 0
	}
	return out
}
