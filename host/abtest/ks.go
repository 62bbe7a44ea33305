// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"math"
	"slices"
)

// exactKS bounds the product of the sizes for which the exact distribution is
// computed.
const exactKS = 10_000_000

// KolmogorovSmirnov compares two distributions. The p value is exact (Schröer and
// Trenkler 1995; with ties it is on the safe side) while the product of the sizes
// is at most 10 million, and that of the limiting distribution beyond.
func KolmogorovSmirnov(a, b []float64) Outcome {
	out := unknown()
	if len(a) == 0 || len(b) == 0 {
		return out
	}
	d := distance(a, b)
	out.Statistic = Number(d)
	m, n := float64(len(a)), float64(len(b))
	if m*n <= exactKS {
		out.P = Number(clamp(1 - smirnov(d, len(a), len(b))))
	} else {
		out.P = Number(kolmogorov(math.Sqrt(m*n/(m+n)) * d))
	}
	return out
}

// distance is the largest one between the two empirical distributions.
func distance(a, b []float64) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	var i, j int
	var most float64
	for i < len(a) && j < len(b) {
		x := math.Min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		most = math.Max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return most
}

// smirnov is the chance of a distance below d, counted on the lattice of paths.
func smirnov(d float64, m, n int) float64 {
	if m > n {
		m, n = n, m
	}
	md, nd := float64(m), float64(n)
	q := (0.5 + math.Floor(d*md*nd-1e-7)) / (md * nd)
	u := make([]float64, n+1)
	for j := range u {
		if float64(j)/nd <= q {
			u[j] = 1
		}
	}
	for i := 1; i <= m; i++ {
		w := float64(i) / float64(i+n)
		if x := float64(i) / md; x > q {
			u[0] = 0
		} else {
			u[0] *= w
		}
		for j := 1; j <= n; j++ {
			if math.Abs(float64(i)/md-float64(j)/nd) > q {
				u[j] = 0
			} else {
				u[j] = w*u[j] + u[j-1]
			}
		}
	}
	return u[n]
}

// kolmogorov is the survival function of the limiting distribution.
func kolmogorov(x float64) float64 {
	if x <= 0 {
		return 1
	}
	if x < 1 { // the other form of the series converges here
		var sum float64
		for k := 1.0; k < 40; k += 2 {
			sum += math.Exp(-k * k * math.Pi * math.Pi / (8 * x * x))
		}
		return clamp(1 - math.Sqrt(2*math.Pi)/x*sum)
	}
	var sum float64
	for k, sign := 1.0, 1.0; k < 40; k, sign = k+1, -sign {
		sum += sign * math.Exp(-2*k*k*x*x)
	}
	return clamp(2 * sum)
}

func clamp(p float64) float64 { return math.Min(1, math.Max(0, p)) }
