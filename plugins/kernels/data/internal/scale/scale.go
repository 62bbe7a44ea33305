// SPDX-License-Identifier: Apache-2.0

// Package scale moves and stretches numeric columns: (x - Centre) / Scale.
//
// The numbers equal scikit-learn's scalers: standard uses the population
// standard deviation, robust the median and the distance of the quartiles by
// linear interpolation, minmax maps to [0, 1]. A column that does not vary
// keeps a scale of 1.
package scale

import (
	"fmt"
	"math"
	"slices"
)

// Kind of scaling.
type Kind string

// The kinds.
const (
	Standard Kind = "standard"
	MinMax   Kind = "minmax"
	Robust   Kind = "robust"
	None     Kind = "none"
)

// Scaler is fitted scaling of one column.
type Scaler struct {
	Kind   Kind    `json:"kind"`
	Centre float64 `json:"centre"`
	Scale  float64 `json:"scale"`
}

// Fit learns a scaler from finite values. No values give the identity.
func Fit(k Kind, v []float64) (Scaler, error) {
	s := Scaler{Kind: k, Scale: 1}
	if len(v) == 0 {
		return s, nil
	}
	switch k {
	case None:
		return s, nil
	case Standard:
		s.Centre, s.Scale = standard(v)
	case MinMax:
		s.Centre = slices.Min(v)
		s.Scale = slices.Max(v) - s.Centre
	case Robust:
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		s.Centre = Quantile(sorted, 0.5)
		s.Scale = Quantile(sorted, 0.75) - Quantile(sorted, 0.25)
	default:
		return s, fmt.Errorf("scale: unknown kind %q", k)
	}
	if s.Scale == 0 {
		s.Scale = 1
	}
	return s, s.check()
}

// check refuses what overflowed.
func (s Scaler) check() error {
	for _, v := range []float64{s.Centre, s.Scale} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("scale: the values are too large for %s scaling", s.Kind)
		}
	}
	return nil
}

// Apply scales one value.
func (s Scaler) Apply(x float64) float64 { return (x - s.Centre) / s.Scale }

// standard returns mean and standard deviation; a deviation that rounding alone
// could have made counts as none.
func standard(v []float64) (mean, sd float64) {
	const eps = 0x1p-52
	n := float64(len(v))
	for _, x := range v {
		mean += x
	}
	mean /= n
	var squares, drift float64
	for _, x := range v {
		d := x - mean
		squares += d * d
		drift += d
	}
	variance := (squares - drift*drift/n) / n
	noise := n * mean * eps
	if !math.IsInf(variance, 0) && variance <= n*eps*variance+noise*noise {
		return mean, 0
	}
	return mean, math.Sqrt(variance)
}

// Quantile interpolates linearly between the order statistics of sorted values,
// which must not be empty.
func Quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	lo := int(at)
	if lo+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[lo] + (at-float64(lo))*(sorted[lo+1]-sorted[lo])
}
