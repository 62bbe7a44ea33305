// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"slices"
)

// layer gives each node its layer, from 0 at the top, with at most widest
// nodes in each.
func (d *digraph) layer(widest int) []int {
	order := d.order()
	rank := d.longest(order)
	if !fits(rank, widest) {
		return d.schedule(widest)
	}
	for range 2 {
		d.tighten(order, rank, widest)
	}
	return normal(rank)
}

// longest puts a node one layer below the lowest of its inputs.
func (d *digraph) longest(order []int) []int {
	rank := make([]int, len(d.in))
	for _, v := range order {
		for _, u := range d.in[v] {
			rank[v] = max(rank[v], rank[u]+1)
		}
	}
	return rank
}

func population(rank []int) []int {
	var count []int
	for _, r := range rank {
		for len(count) <= r {
			count = append(count, 0)
		}
		count[r]++
	}
	return count
}

func fits(rank []int, widest int) bool {
	for _, n := range population(rank) {
		if n > widest {
			return false
		}
	}
	return true
}

// tighten moves nodes towards the side on which they have more edges, which is
// what a network simplex does in its first steps.
func (d *digraph) tighten(order, rank []int, widest int) {
	count := population(rank)
	for _, v := range slices.Backward(order) {
		low, high := 0, len(count)-1
		for _, u := range d.in[v] {
			low = max(low, rank[u]+1)
		}
		for _, w := range d.out[v] {
			high = min(high, rank[w]-1)
		}
		to := rank[v]
		switch balance := len(d.out[v]) - len(d.in[v]); {
		case balance > 0:
			to = high
		case balance < 0:
			to = low
		}
		if to != rank[v] && to >= low && to <= high && count[to] < widest {
			count[rank[v]]--
			count[to]++
			rank[v] = to
		}
	}
}

// normal closes layers that lost their last node.
func normal(rank []int) []int {
	count := population(rank)
	shift, empty := make([]int, len(count)), 0
	for r, n := range count {
		shift[r] = empty
		if n == 0 {
			empty++
		}
	}
	for v := range rank {
		rank[v] -= shift[rank[v]]
	}
	return rank
}

// schedule fills layer after layer with nodes whose inputs are placed, those
// first whose last input was placed last.
func (d *digraph) schedule(widest int) []int {
	rank := make([]int, len(d.in))
	missing := make([]int, len(d.in))
	lowest := make([]int, len(d.in))
	var ready []int
	for v := range d.in {
		lowest[v] = -1
		if missing[v] = len(d.in[v]); missing[v] == 0 {
			ready = append(ready, v)
		}
	}
	for layer := 0; len(ready) > 0; layer++ {
		slices.SortFunc(ready, func(a, b int) int {
			return cmp.Or(cmp.Compare(lowest[b], lowest[a]), cmp.Compare(a, b))
		})
		now := slices.Clone(ready[:min(widest, len(ready))])
		ready = ready[len(now):]
		for _, v := range now {
			rank[v] = layer
			for _, w := range d.out[v] {
				lowest[w] = layer
				if missing[w]--; missing[w] == 0 {
					ready = append(ready, w)
				}
			}
		}
	}
	return rank
}
