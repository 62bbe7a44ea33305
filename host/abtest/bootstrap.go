// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Replicates is the number of samples that a bootstrap draws.
const Replicates = 2000

// losses are what a metric is the mean of, of one arm.
type losses struct {
	moments Moments
	rows    sample
}

func (l *losses) add(row int64, x float64) {
	l.moments.Add(x)
	l.rows.add(row, x, 0)
}

// interval of a metric, which is f of the mean of the losses, and of the
// difference between two arms.
type interval struct{ value, low, high Number }

// bootstrapMeans draws the means of samples with replacement (Efron 1979).
func bootstrapMeans(x []float64, r *rand.Rand) []float64 {
	out := make([]float64, Replicates)
	for i := range out {
		var sum float64
		for range x {
			sum += x[r.IntN(len(x))]
		}
		out[i] = sum / float64(len(x))
	}
	return out
}

// bootstrapPairs draws means of both sides from the same rows.
func bootstrapPairs(rows []pick, r *rand.Rand) (a, b []float64) {
	a, b = make([]float64, Replicates), make([]float64, Replicates)
	n := float64(len(rows))
	for i := range a {
		var x, y float64
		for range rows {
			p := rows[r.IntN(len(rows))]
			x, y = x+p.x, y+p.y
		}
		a[i], b[i] = x/n, y/n
	}
	return a, b
}

// percentiles is the interval of 1 - alpha.
func percentiles(x []float64, alpha float64) (low, high Number) {
	x = slices.Sorted(slices.Values(x))
	at := func(q float64) Number {
		place := q * float64(len(x)-1)
		i := int(place)
		j := min(i+1, len(x)-1)
		return Number(x[i] + (place-float64(i))*(x[j]-x[i]))
	}
	return at(alpha / 2), at(1 - alpha/2)
}

// normalInterval is that of f of a mean, whose slope there is known.
func normalInterval(value, slope, se, alpha float64) interval {
	reach := distuv.UnitNormal.Quantile(1-alpha/2) * math.Abs(slope) * se
	return interval{Number(value), Number(value - reach), Number(value + reach)}
}
