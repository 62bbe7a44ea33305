// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"math"

	"gonum.org/v1/gonum/stat/combin"
	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson is the score interval of a share (Wilson 1927): k of n.
func Wilson(k, n int64, alpha float64) (low, high float64) {
	z := distuv.UnitNormal.Quantile(1 - alpha/2)
	size, p := float64(n), float64(k)/float64(n)
	middle := (p + z*z/(2*size)) / (1 + z*z/size)
	reach := z / (1 + z*z/size) * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	low, high = middle-reach, middle+reach
	if k == 0 {
		low = 0 // but for rounding
	}
	if k == n {
		high = 1
	}
	return low, high
}

// Shares compares ka of na with kb of nb: the difference with Newcombe's hybrid
// score interval (1998, method 10), and the p value of Pearson's chi-square, or of
// Fisher's exact test where a cell is expected to have fewer than five.
func Shares(ka, na, kb, nb int64, alpha float64) Outcome {
	out := unknown()
	if na == 0 || nb == 0 {
		return out
	}
	pa, pb := float64(ka)/float64(na), float64(kb)/float64(nb)
	la, ha := Wilson(ka, na, alpha)
	lb, hb := Wilson(kb, nb, alpha)
	diff := pb - pa
	out.Effect = Number(diff)
	out.Low = Number(diff - math.Hypot(pb-lb, ha-pa))
	out.High = Number(diff + math.Hypot(hb-pb, pa-la))
	counts := [][2]int64{{ka, kb}, {na - ka, nb - kb}}
	chi := ChiSquare(counts)
	out.Statistic, out.P = chi.Statistic, chi.P
	if leastExpected(counts) < 5 {
		out.Statistic, out.P = None, Number(Fisher(ka, na, kb, nb))
	}
	return out
}

// ChiSquare is Pearson's test (1900) that the two columns of a table of counts
// come from one distribution. Without two rows that have counts P is 1.
func ChiSquare(counts [][2]int64) Outcome {
	out := unknown()
	total := totals(counts)
	all := float64(total[0] + total[1])
	if total[0] == 0 || total[1] == 0 {
		return out
	}
	var sum, rows float64
	for _, c := range counts {
		both := float64(c[0] + c[1])
		if both == 0 {
			continue
		}
		rows++
		for arm := range c {
			expected := both * float64(total[arm]) / all
			d := float64(c[arm]) - expected
			sum += d * d / expected
		}
	}
	out.Statistic, out.P = Number(sum), 1
	if rows > 1 {
		out.P = Number(chiTail(sum, rows-1))
	}
	return out
}

func chiTail(x, df float64) float64 { return distuv.ChiSquared{K: df}.Survival(x) }

func totals(counts [][2]int64) (out [2]int64) {
	for _, c := range counts {
		out[0], out[1] = out[0]+c[0], out[1]+c[1]
	}
	return out
}

// leastExpected is the smallest count that chance would give to a cell of a row
// that has any.
func leastExpected(counts [][2]int64) float64 {
	total := totals(counts)
	least := math.Inf(1)
	for _, c := range counts {
		if both := float64(c[0] + c[1]); both > 0 {
			least = math.Min(least, both*float64(min(total[0], total[1]))/float64(total[0]+total[1]))
		}
	}
	return least
}

// Fisher is the two-sided p value of the exact test (Fisher 1935): the chance of
// all tables that are no more likely than this one.
func Fisher(ka, na, kb, nb int64) float64 {
	hits, all := ka+kb, na+nb
	chance := func(k int64) float64 {
		return combin.LogGeneralizedBinomial(float64(na), float64(k)) +
			combin.LogGeneralizedBinomial(float64(nb), float64(hits-k)) - combin.LogGeneralizedBinomial(float64(all), float64(hits))
	}
	limit := chance(ka) + 1e-7
	var sum float64
	for k := max(0, hits-nb); k <= min(na, hits); k++ {
		if c := chance(k); c <= limit {
			sum += math.Exp(c)
		}
	}
	return clamp(sum)
}

// mismatch is the p value of the sizes of a split, by chi-square.
func mismatch(a, b int64, share float64) float64 {
	n := float64(a + b)
	if n == 0 || share <= 0 || share >= 1 {
		return 1
	}
	d := float64(b) - n*share
	return chiTail(d*d/(n*share)+d*d/(n*(1-share)), 1)
}
