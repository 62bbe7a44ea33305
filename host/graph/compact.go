// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"math"
	"slices"
)

// blockEdge keeps two blocks apart.
type blockEdge struct {
	to  int
	gap float64
}

// compact packs the blocks to the left, then moves each to the right as far as
// the next one lets it.
func (p *placer) compact(layers [][]int, root []int) []float64 {
	after, before := p.blocks(layers, root)
	order := topological(after, before, root)
	x := make([]float64, len(root))
	for _, b := range order {
		for _, e := range before[b] {
			x[b] = max(x[b], x[e.to]+e.gap)
		}
	}
	for _, b := range slices.Backward(order) {
		room := math.Inf(1)
		for _, e := range after[b] {
			room = min(room, x[e.to]-e.gap)
		}
		if !math.IsInf(room, 1) {
			x[b] = max(x[b], room)
		}
	}
	for v, r := range root {
		x[v] = x[r]
	}
	return x
}

// blocks tells which block stands right of which, by their roots.
func (p *placer) blocks(layers [][]int, root []int) (after, before [][]blockEdge) {
	after, before = make([][]blockEdge, len(root)), make([][]blockEdge, len(root))
	for _, layer := range layers {
		for i := 1; i < len(layer); i++ {
			u, v := layer[i-1], layer[i]
			apart := (p.width[u]+p.width[v])/2 + p.gap(u, v)
			after[root[u]] = append(after[root[u]], blockEdge{root[v], apart})
			before[root[v]] = append(before[root[v]], blockEdge{root[u], apart})
		}
	}
	return after, before
}

// topological orders blocks from left to right. They form no cycle, since the
// alignments of two layers never cross.
func topological(after, before [][]blockEdge, root []int) []int {
	missing := make([]int, len(root))
	var order []int
	for v, r := range root {
		if v != r {
			continue
		}
		if missing[v] = len(before[v]); missing[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, e := range after[order[i]] {
			if missing[e.to]--; missing[e.to] == 0 {
				order = append(order, e.to)
			}
		}
	}
	return order
}

// balance aligns four placements with the narrowest and takes the mean of the
// two in the middle. What is apart in all four stays apart.
func (p *placer) balance(all [4][]float64) []float64 {
	var low, high [4]float64
	narrowest := 0
	for i, x := range all {
		low[i], high[i] = p.extent(x)
		if high[i]-low[i] < high[narrowest]-low[narrowest] {
			narrowest = i
		}
	}
	var shift [4]float64
	for i := range all {
		if shift[i] = low[narrowest] - low[i]; i&2 != 0 { // packed to the right
			shift[i] = high[narrowest] - high[i]
		}
	}
	out := make([]float64, len(p.pos))
	for v := range out {
		four := []float64{all[0][v] + shift[0], all[1][v] + shift[1], all[2][v] + shift[2], all[3][v] + shift[3]}
		slices.Sort(four)
		out[v] = (four[1] + four[2]) / 2
	}
	left, _ := p.extent(out)
	for v := range out {
		out[v] -= left
	}
	return out
}

// extent is the left and the right end of a placement.
func (p *placer) extent(x []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for v, c := range x {
		low, high = min(low, c-p.width[v]/2), max(high, c+p.width[v]/2)
	}
	return low, high
}
