// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"math/rand/v2"
	"slices"
)

// Tolerance is the relative difference that counts as none.
const Tolerance = 0.05

// resamples of a bootstrap.
const resamples = 2000

// Estimate is a median and its 95 % confidence interval.
type Estimate struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Estimated is the estimate of samples. Without samples it is zero.
func Estimated(samples []float64) Estimate {
	if len(samples) == 0 {
		return Estimate{}
	}
	r := source()
	return estimate(median(samples), func() float64 { return median(resample(r, samples)) })
}

// Ratio estimates the median of a to that of b. It is zero when a sample is no
// measurement: not positive, or so large or small that a ratio has no number.
func Ratio(a, b []float64) Estimate {
	if !measured(a) || !measured(b) {
		return Estimate{}
	}
	r := source()
	return estimate(median(a)/median(b), func() float64 { return median(resample(r, a)) / median(resample(r, b)) })
}

// measured reports whether there are samples, and all could have been measured.
func measured(samples []float64) bool {
	for _, x := range samples {
		if !(x > 1e-100 && x < 1e100) { // NaN is neither
			return false
		}
	}
	return len(samples) > 0
}

// estimate makes the interval from draws of a bootstrap.
func estimate(value float64, draw func() float64) Estimate {
	draws := make([]float64, resamples)
	for i := range draws {
		draws[i] = draw()
	}
	slices.Sort(draws)
	return Estimate{Median: value, Low: draws[resamples*25/1000], High: draws[resamples*975/1000]}
}

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func resample(r *rand.Rand, samples []float64) []float64 {
	out := make([]float64, len(samples))
	for i := range out {
		out[i] = samples[r.IntN(len(samples))]
	}
	return out
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
