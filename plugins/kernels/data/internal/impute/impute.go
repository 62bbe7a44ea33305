// SPDX-License-Identifier: Apache-2.0

// Package impute computes the values that stand in for missing cells.
//
// Every statistic equals scikit-learn's SimpleImputer: the mean, the median
// (mean of the two middle values of an even count), and the most frequent
// value, where ties go to the smallest.
package impute

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Strategy names how missing cells are filled.
type Strategy string

// The strategies. Auto is the median for numbers and the most frequent value
// for booleans and text; None leaves cells missing.
const (
	Auto         Strategy = "auto"
	Mean         Strategy = "mean"
	Median       Strategy = "median"
	MostFrequent Strategy = "most_frequent"
	Constant     Strategy = "constant"
	None         Strategy = "none"
)

// ErrNothingPresent means that a statistic was asked of no values.
var ErrNothingPresent = errors.New("every cell is missing")

// Number computes the fill value of a numeric column from its present, finite
// cells. Constant and None have no statistic and are an error.
func Number(s Strategy, v []float64) (float64, error) {
	if len(v) == 0 {
		return 0, ErrNothingPresent
	}
	switch s {
	case Mean:
		return mean(v), nil
	case Auto, Median:
		return median(v), nil
	case MostFrequent:
		return mode(v), nil
	}
	return 0, fmt.Errorf("impute: strategy %q has no statistic", s)
}

// Text returns the most frequent value.
func Text(v []string) (string, error) {
	if len(v) == 0 {
		return "", ErrNothingPresent
	}
	return mode(v), nil
}

// mean scales down first, so that large values do not overflow the sum.
func mean(v []float64) float64 {
	sum, n := 0.0, float64(len(v))
	for _, x := range v {
		sum += x
	}
	if sum-sum == 0 { // finite
		return sum / n
	}
	sum = 0
	for _, x := range v {
		sum += x / n
	}
	return sum
}

func median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	m := len(s) / 2
	if len(s)%2 == 0 {
		return s[m-1]/2 + s[m]/2
	}
	return s[m]
}

// mode is the most frequent value, the smallest of several.
func mode[T cmp.Ordered](v []T) T {
	s := slices.Clone(v)
	slices.Sort(s)
	best, most := s[0], 0
	for lo := 0; lo < len(s); {
		hi := lo
		for hi < len(s) && s[hi] == s[lo] {
			hi++
		}
		if hi-lo > most {
			best, most = s[lo], hi-lo
		}
		lo = hi
	}
	return best
}
