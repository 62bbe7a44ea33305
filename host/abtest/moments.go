// SPDX-License-Identifier: Apache-2.0

package abtest

import "math"

// Moments are the mean and the variance of numbers that come one by one, by
// Welford's method (1962), which does not cancel.
type Moments struct {
	N        int64
	mean, m2 float64
	min, max float64
}

// Add takes a finite number.
func (m *Moments) Add(x float64) {
	if m.N == 0 {
		m.min, m.max = x, x
	}
	m.N++
	d := x - m.mean
	m.mean += d / float64(m.N)
	m.m2 += d * (x - m.mean)
	m.min, m.max = math.Min(m.min, x), math.Max(m.max, x)
}

// Mean is None without numbers.
func (m *Moments) Mean() float64 {
	if m.N == 0 {
		return math.NaN()
	}
	return m.mean
}

// Variance is the unbiased one, of two numbers or more.
func (m *Moments) Variance() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	if m.min == m.max {
		return 0 // whatever rounding left
	}
	return m.m2 / float64(m.N-1)
}

// Deviation is the square root of Variance.
func (m *Moments) Deviation() float64 { return math.Sqrt(m.Variance()) }
