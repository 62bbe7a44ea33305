// SPDX-License-Identifier: Apache-2.0

// Package neighbours is k-nearest-neighbours classification and regression by
// exact search in Euclidean distance.
//
// Order is total and therefore reproducible: nearer first, and at the same
// distance the training row that came first. Votes that tie go to the lowest
// class code. With distance weights a neighbour counts 1/distance; when some
// neighbours coincide with the query, only those count, equally.
package neighbours

import (
	"context"
	"fmt"
	"math"
	"sort"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

// Weights says how neighbours are weighed.
type Weights string

// The weightings.
const (
	Uniform  Weights = "uniform"
	Distance Weights = "distance"
)

// Index is the training data of a fitted model, searched exhaustively.
type Index struct {
	K       int
	Weights Weights
	X       dense.Matrix
}

// NewIndex keeps x for search. K must be at least 1 and at most the number of rows.
func NewIndex(x dense.Matrix, k int, w Weights) (*Index, error) {
	if k < 1 {
		return nil, fmt.Errorf("neighbours: k must be at least 1, got %d", k)
	}
	if k > x.Rows {
		return nil, fmt.Errorf("neighbours: k is %d but only %d training rows exist", k, x.Rows)
	}
	if w != Uniform && w != Distance {
		return nil, fmt.Errorf("neighbours: weights must be %q or %q, got %q", Uniform, Distance, w)
	}
	return &Index{K: k, Weights: w, X: x}, nil
}

// Neighbour is one training row found for a query.
type Neighbour struct {
	Row      int
	Distance float64 // Euclidean
	Weight   float64 // the weights of one query sum to 1
}

// Classify returns class probabilities, one row per query; y holds the class
// codes of the training rows.
func (ix *Index) Classify(ctx context.Context, q dense.Matrix, y []int, classes int) (dense.Matrix, error) {
	out := dense.New(q.Rows, classes)
	err := ix.each(ctx, q, func(i int, found []Neighbour) {
		for _, nb := range found {
			out.Row(i)[y[nb.Row]] += nb.Weight
		}
		tidy(out.Row(i), ix)
	})
	return out, err
}

// tidy removes the rounding of repeated 1/k additions, so that equal votes are
// equal numbers and a tie goes to the lowest code.
func tidy(p []float64, ix *Index) {
	if ix.Weights != Uniform {
		return
	}
	for c := range p {
		p[c] = math.Round(p[c]*float64(ix.K)) / float64(ix.K)
	}
}

// Regress returns the weighted mean of the neighbours' targets per query.
func (ix *Index) Regress(ctx context.Context, q dense.Matrix, y []float64) ([]float64, error) {
	out := make([]float64, q.Rows)
	err := ix.each(ctx, q, func(i int, found []Neighbour) {
		for _, nb := range found {
			out[i] += nb.Weight * y[nb.Row]
		}
	})
	return out, err
}

// each finds the neighbours of every query. The slice given to visit is reused.
func (ix *Index) each(ctx context.Context, q dense.Matrix, visit func(i int, found []Neighbour)) error {
	if q.Cols != ix.X.Cols {
		return fmt.Errorf("neighbours: query has %d columns, the model %d", q.Cols, ix.X.Cols)
	}
	found := make([]Neighbour, 0, ix.K)
	for i := 0; i < q.Rows; i++ {
		if i%16 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		found = ix.search(q.Row(i), found[:0])
		ix.weigh(found)
		visit(i, found)
	}
	return nil
}

// search keeps the K best rows in order. Distances stay squared until the end.
func (ix *Index) search(q []float64, best []Neighbour) []Neighbour {
	limit := math.Inf(1)
	for r := 0; r < ix.X.Rows; r++ {
		d := squared(q, ix.X.Row(r), limit)
		if len(best) == ix.K && d >= limit {
			continue
		}
		best = insert(best, Neighbour{Row: r, Distance: d}, ix.K)
		if len(best) == ix.K {
			limit = best[ix.K-1].Distance
		}
	}
	for i := range best {
		best[i].Distance = math.Sqrt(best[i].Distance)
	}
	return best
}

// insert places nb behind all entries that are not farther, keeping at most k.
func insert(best []Neighbour, nb Neighbour, k int) []Neighbour {
	at := sort.Search(len(best), func(i int) bool { return best[i].Distance > nb.Distance })
	if len(best) < k {
		best = append(best, nb)
	}
	copy(best[at+1:], best[at:])
	best[at] = nb
	return best
}

// squared is the squared distance, given up once it is certainly beyond limit.
func squared(a, b []float64, limit float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		d0, d1, d2, d3 := a[i]-b[i], a[i+1]-b[i+1], a[i+2]-b[i+2], a[i+3]-b[i+3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		if i&15 == 12 && s0+s1+s2+s3 > limit {
			return math.Inf(1)
		}
	}
	for ; i < len(a); i++ {
		d := a[i] - b[i]
		s0 += d * d
	}
	return s0 + s1 + s2 + s3
}

// weigh sets weights that sum to one.
func (ix *Index) weigh(found []Neighbour) {
	if ix.Weights == Uniform {
		for i := range found {
			found[i].Weight = 1 / float64(len(found))
		}
		return
	}
	exact := found[0].Distance == 0
	total := 0.0
	for i := range found {
		found[i].Weight = inverse(found[i].Distance, exact)
		total += found[i].Weight
	}
	for i := range found {
		found[i].Weight /= total
	}
}

func inverse(d float64, exact bool) float64 {
	switch {
	case !exact:
		return 1 / d
	case d == 0:
		return 1
	default:
		return 0
	}
}
