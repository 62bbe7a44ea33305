// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// maxExactRanks bounds the differences for which Wilcoxon's distribution is
// counted.
const maxExactRanks = 50

// Wilcoxon tests whether differences lie about 0 by their signed ranks (Wilcoxon
// 1945). Zeros are left out. The p value is exact for up to 50 differences without
// ties or zeros, and normal with the correction for ties beyond.
func Wilcoxon(differences []float64) Outcome {
	out := unknown()
	d := slices.DeleteFunc(slices.Clone(differences), func(x float64) bool { return x == 0 })
	if len(d) == 0 {
		if len(differences) > 0 {
			out.Statistic, out.P = 0, 1
		}
		return out
	}
	slices.SortFunc(d, func(x, y float64) int { return cmp.Compare(math.Abs(x), math.Abs(y)) })
	plus, ties := ranks(d)
	n := float64(len(d))
	w := math.Min(plus, n*(n+1)/2-plus)
	out.Statistic = Number(w)
	if len(d) <= maxExactRanks && ties == 0 && len(d) == len(differences) {
		out.P = Number(clamp(2 * exactRanks(int(w), len(d))))
		return out
	}
	variance := n*(n+1)*(2*n+1)/24 - ties/48
	out.P = Number(clamp(2 * distuv.UnitNormal.CDF((w-n*(n+1)/4)/math.Sqrt(variance))))
	return out
}

// ranks of differences in the order of their sizes: the sum of those above 0, and
// the sum of t^3 - t over the groups of t equal ones.
func ranks(d []float64) (plus, ties float64) {
	for i := 0; i < len(d); {
		j := i
		for j < len(d) && math.Abs(d[j]) == math.Abs(d[i]) {
			j++
		}
		t, mean := float64(j-i), float64(i+j+1)/2
		ties += t*t*t - t
		for ; i < j; i++ {
			if d[i] > 0 {
				plus += mean
			}
		}
	}
	return plus, ties
}

// exactRanks is the chance that a sum of ranks is at most w.
func exactRanks(w, n int) float64 {
	ways := make([]float64, n*(n+1)/2+1)
	ways[0] = 1
	for k := 1; k <= n; k++ {
		for s := len(ways) - 1; s >= k; s-- {
			ways[s] += ways[s-k]
		}
	}
	var sum float64
	for _, count := range ways[:w+1] {
		sum += count
	}
	return sum / math.Exp2(float64(n))
}

// McNemar is the exact test (McNemar 1947) on pairs that differ: onlyA of them
// have a property in arm a and onlyB in arm b, of pairs in all. Effect is the
// difference of the shares with its normal interval.
func McNemar(onlyA, onlyB, pairs int64, alpha float64) Outcome {
	out := unknown()
	if pairs == 0 {
		return out
	}
	n, differ := float64(pairs), onlyA+onlyB
	diff := float64(onlyB-onlyA) / n
	se := math.Sqrt(float64(differ)/n-diff*diff) / math.Sqrt(n)
	reach := distuv.UnitNormal.Quantile(1-alpha/2) * se
	out.Effect, out.Low, out.High = Number(diff), Number(diff-reach), Number(diff+reach)
	out.Statistic, out.P = Number(min(onlyA, onlyB)), 1
	if differ > 0 {
		out.P = Number(clamp(2 * distuv.Binomial{N: float64(differ), P: 0.5}.CDF(float64(min(onlyA, onlyB)))))
	}
	return out
}
