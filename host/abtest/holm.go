// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"cmp"
	"math"
	"slices"
)

// Holm adjusts p values that are looked at together (Holm 1979). What is no
// number stays so and does not count.
func Holm(p []float64) []float64 {
	out := slices.Clone(p)
	var order []int
	for i, x := range p {
		if !math.IsNaN(x) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	var most float64
	for place, i := range order {
		most = math.Max(most, math.Min(1, float64(len(order)-place)*p[i]))
		out[i] = most
	}
	return out
}
