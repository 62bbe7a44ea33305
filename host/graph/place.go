// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"math"
	"slices"
)

// placer gives vertices their horizontal places by the method of Brandes and
// Köpf: four extreme placements, and the mean of the middle two.
type placer struct {
	*ordering
	width []float64
	gap   func(u, v int) float64
	// crossed are the edges that give way to a trunk that they cross.
	crossed map[[2]int]bool
	// above and below are the neighbours in the order of their layer.
	above, below [][]int
	// trunkAbove and trunkBelow are the next slots of a slot's trunk, or -1.
	trunkAbove, trunkBelow []int
}

// place returns the centre of each vertex; the leftmost edge is at 0.
func place(o *ordering, width []float64, gap func(u, v int) float64) []float64 {
	p := &placer{ordering: o, width: width, gap: gap, crossed: map[[2]int]bool{}, above: o.sorted(o.net.up), below: o.sorted(o.net.down)}
	p.trunkAbove, p.trunkBelow = p.trunks(p.above), p.trunks(p.below)
	p.findCrossed()
	var all [4][]float64
	for i := range all {
		all[i] = p.extreme(i&1 == 0, i&2 == 0)
	}
	return p.balance(all)
}

func (o *ordering) sorted(beside [][]int) [][]int {
	out := make([][]int, len(beside))
	for v, list := range beside {
		out[v] = slices.SortedFunc(slices.Values(list), func(a, b int) int { return cmp.Compare(o.pos[a], o.pos[b]) })
	}
	return out
}

// findCrossed marks edges that cross a piece of a trunk between two slots:
// trunks are kept straight first.
func (p *placer) findCrossed() {
	for i := 1; i < len(p.layers); i++ {
		left, scanned, layer := 0, 0, p.layers[i]
		for at, v := range layer {
			inner := p.trunkAbove[v]
			if inner < 0 && at < len(layer)-1 {
				continue
			}
			right := len(p.layers[i-1])
			if inner >= 0 {
				right = p.pos[inner]
			}
			for ; scanned <= at; scanned++ {
				p.crossOutside(layer[scanned], left, right)
			}
			left = right
		}
	}
}

func (p *placer) crossOutside(v, left, right int) {
	for _, u := range p.above[v] {
		if (p.pos[u] < left || p.pos[u] > right) && !(p.net.slot(u) && p.net.slot(v)) {
			p.crossed[[2]int{u, v}] = true
		}
	}
}

// trunks gives the slot beside each slot, -1 for none. There is one at most.
func (p *placer) trunks(beside [][]int) []int {
	out := make([]int, len(beside))
	for v, near := range beside {
		out[v] = -1
		if k := slices.IndexFunc(near, p.net.slot); p.net.slot(v) && k >= 0 {
			out[v] = near[k]
		}
	}
	return out
}

// extreme aligns vertices with their neighbours above (or below) and packs
// them to the left (or to the right).
func (p *placer) extreme(fromAbove, toLeft bool) []float64 {
	layers, beside, trunk := slices.Clone(p.layers), p.above, p.trunkBelow
	if !fromAbove {
		slices.Reverse(layers)
		beside, trunk = p.below, p.trunkAbove
	}
	if !toLeft {
		for i, l := range layers {
			layers[i] = slices.Clone(l)
			slices.Reverse(layers[i])
		}
	}
	x := p.compact(layers, p.align(layers, beside, trunk, toLeft))
	if !toLeft {
		for v := range x {
			x[v] = -x[v]
		}
	}
	return x
}

// align makes blocks of vertices that will stand under each other, and returns
// the root of each vertex. A slot whose trunk goes on stands under nothing but
// the next slot of it, which trunk names.
func (p *placer) align(layers, beside [][]int, trunk []int, toLeft bool) []int {
	side := func(v int) int { return p.pos[v] }
	if !toLeft {
		side = func(v int) int { return -p.pos[v] }
	}
	root, next := make([]int, len(p.pos)), make([]int, len(p.pos))
	for v := range root {
		root[v], next[v] = v, v
	}
	for _, layer := range layers {
		last := math.MinInt
		for _, v := range layer {
			near := beside[v]
			for _, k := range p.partners(v, near, toLeft) {
				u := near[k]
				if next[v] == v && side(u) > last && (trunk[u] < 0 || trunk[u] == v) && !p.crossed[[2]int{u, v}] && !p.crossed[[2]int{v, u}] {
					next[u], root[v], next[v] = v, root[u], root[u]
					last = side(u)
				}
			}
		}
	}
	return root
}

// partners are the neighbours to stand under, the best first: for a slot the
// next slot of its trunk, else the medians.
func (p *placer) partners(v int, near []int, toLeft bool) []int {
	if p.net.slot(v) {
		if k := slices.IndexFunc(near, p.net.slot); k >= 0 {
			return []int{k}
		}
	}
	return medians(len(near), toLeft)
}

// medians are the places of the middle one or two of n, the nearer side first.
func medians(n int, toLeft bool) []int {
	switch {
	case n == 0:
		return nil
	case n%2 == 1:
		return []int{n / 2}
	case toLeft:
		return []int{n/2 - 1, n / 2}
	}
	return []int{n / 2, n/2 - 1}
}
