// SPDX-License-Identifier: Apache-2.0

// Package onepass computes statistics of columns that are larger than memory:
// each value is looked at once, and what is kept does not grow with the rows.
//
// Mean and variance are those of two passes, up to rounding: within a block the
// mean is subtracted before anything is squared, and blocks are joined by the
// formula of Chan, Golub and LeVeque (1979). The result depends on how the rows
// were cut into blocks by rounding alone, of a relative size near 1e-15.
package onepass

import "math"

// Moments of the values of one column.
type Moments struct {
	// N counts values, Missing those that are not known.
	N, Missing int64
	// Infinite counts values that are neither finite nor missing; they are not
	// among N.
	Infinite int64
	// Mean of the values, and M2 the sum of squared distances from it.
	Mean, M2 float64
	// Min and Max of the values; meaningless while N is 0.
	Min, Max float64
}

// Add takes a block of values. NaN is a missing value. Where valid is not nil,
// values for which it is false are missing, too.
func (m *Moments) Add(v []float64, valid func(i int) bool) {
	var b Moments
	b.count(v, valid)
	if b.N > 0 {
		b.spread(v, valid)
	}
	m.Merge(b)
}

// count finds the mean of a block and its bounds.
func (m *Moments) count(v []float64, valid func(i int) bool) {
	sum := 0.0
	m.Min, m.Max = math.Inf(1), math.Inf(-1)
	for i, x := range v {
		switch {
		case x != x || valid != nil && !valid(i):
			m.Missing++
			continue
		case x-x != 0:
			m.Infinite++
			continue
		}
		m.N++
		sum += x
		m.Min, m.Max = min(m.Min, x), max(m.Max, x)
	}
	m.Mean = sum / float64(max(1, m.N))
}

// spread sums the squared distances from the mean, with the correction for its
// rounding.
func (m *Moments) spread(v []float64, valid func(i int) bool) {
	squares, drift := 0.0, 0.0
	for i, x := range v {
		if x-x != 0 || valid != nil && !valid(i) {
			continue
		}
		d := x - m.Mean
		squares += d * d
		drift += d
	}
	m.M2 = squares - drift*drift/float64(m.N)
}

// Merge takes the values that o has seen, after those of m.
func (m *Moments) Merge(o Moments) {
	missing, infinite := m.Missing+o.Missing, m.Infinite+o.Infinite
	switch {
	case o.N == 0:
	case m.N == 0:
		*m = o
	default:
		m.join(o)
	}
	m.Missing, m.Infinite = missing, infinite
}

func (m *Moments) join(o Moments) {
	n := float64(m.N + o.N)
	delta := o.Mean - m.Mean
	m.M2 += o.M2 + delta*delta*float64(m.N)*float64(o.N)/n
	m.Mean += delta * float64(o.N) / n
	m.Min, m.Max = min(m.Min, o.Min), max(m.Max, o.Max)
	m.N += o.N
}

// Deviation is the population standard deviation. One that rounding alone could
// have made is 0, by the rule of scikit-learn's StandardScaler; of
// values too large to square it is no finite number.
func (m *Moments) Deviation() float64 {
	const eps = 0x1p-52
	n := float64(m.N)
	if m.N == 0 || m.Min == m.Max {
		return 0
	}
	variance := m.M2 / n
	noise := n * m.Mean * eps
	if !math.IsInf(variance, 0) && variance <= n*eps*variance+noise*noise {
		return 0
	}
	return math.Sqrt(variance)
}
