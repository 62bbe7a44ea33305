// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"slices"
)

// ordering is the order of the vertices in each layer.
type ordering struct {
	net    *net
	layers [][]int
	pos    []int
}

// sweeps bounds the work: fewer for a larger net.
func sweeps(vertices int) int {
	switch {
	case vertices <= 500:
		return 24
	case vertices <= 5_000:
		return 12
	case vertices <= 20_000:
		return 6
	}
	return 2
}

// orderLayers looks for an order with few crossings.
func orderLayers(n *net) *ordering {
	o := &ordering{net: n, pos: make([]int, len(n.layerOf))}
	o.start()
	best, fewest := o.snapshot(), o.crossings()
	for i := 0; i < sweeps(len(o.pos)) && (fewest > 0 || i < 2); i++ {
		o.sweep(i%2 == 0)
		if len(o.pos) <= 3_000 {
			o.transpose()
		}
		if c := o.crossings(); c < fewest || c == fewest && i < 2 {
			best, fewest = o.snapshot(), c
		}
	}
	o.restore(best)
	return o
}

// start orders depth first, which keeps what belongs together side by side.
func (o *ordering) start() {
	seen := make([]bool, len(o.pos))
	for root := range o.pos {
		stack := []int{root}
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[v] {
				continue
			}
			seen[v] = true
			o.append(v)
			for _, w := range slices.Backward(o.net.up[v]) {
				stack = append(stack, w)
			}
			for _, w := range slices.Backward(o.net.down[v]) {
				stack = append(stack, w)
			}
		}
	}
}

func (o *ordering) append(v int) {
	layer := o.net.layerOf[v]
	for len(o.layers) <= layer {
		o.layers = append(o.layers, nil)
	}
	o.pos[v] = len(o.layers[layer])
	o.layers[layer] = append(o.layers[layer], v)
}

func (o *ordering) snapshot() [][]int {
	out := make([][]int, len(o.layers))
	for i, l := range o.layers {
		out[i] = slices.Clone(l)
	}
	return out
}

func (o *ordering) restore(layers [][]int) {
	o.layers = layers
	for _, l := range layers {
		o.number(l)
	}
}

func (o *ordering) number(layer []int) {
	for i, v := range layer {
		o.pos[v] = i
	}
}

// sweep sorts every layer by the barycentres of its neighbours above or below.
func (o *ordering) sweep(down bool) {
	centre := make([]float64, len(o.pos))
	for i := range o.layers {
		layer, beside := o.layers[i], o.net.up
		if !down {
			layer, beside = o.layers[len(o.layers)-1-i], o.net.down
		}
		for _, v := range layer {
			centre[v] = o.barycentre(v, beside[v])
		}
		slices.SortStableFunc(layer, func(a, b int) int {
			return cmp.Or(cmp.Compare(centre[a], centre[b]), cmp.Compare(o.net.side[a], o.net.side[b]))
		})
		o.number(layer)
	}
}

// barycentre of a vertex without neighbours is its own place.
func (o *ordering) barycentre(v int, beside []int) float64 {
	if len(beside) == 0 {
		return float64(o.pos[v])
	}
	sum := 0
	for _, w := range beside {
		sum += o.pos[w]
	}
	return float64(sum) / float64(len(beside))
}

// transpose swaps neighbours while that removes crossings, a few times.
func (o *ordering) transpose() {
	for range 4 {
		better := false
		for _, layer := range o.layers {
			for i := 1; i < len(layer); i++ {
				a, b := layer[i-1], layer[i]
				if o.pairCrossings(b, a) < o.pairCrossings(a, b) {
					layer[i-1], layer[i] = b, a
					o.pos[a], o.pos[b] = i, i-1
					better = true
				}
			}
		}
		if !better {
			return
		}
	}
}

// pairCrossings counts the crossings of the edges of a and b, a left of b.
func (o *ordering) pairCrossings(a, b int) int {
	return o.inversions(o.net.up[a], o.net.up[b]) + o.inversions(o.net.down[a], o.net.down[b])
}

// maxPairs bounds the work for two vertices with many edges, which a swap
// hardly changes.
const maxPairs = 1 << 12

func (o *ordering) inversions(left, right []int) (n int) {
	if len(left)*len(right) > maxPairs {
		return 0
	}
	for _, u := range left {
		for _, w := range right {
			if o.pos[u] > o.pos[w] {
				n++
			}
		}
	}
	return n
}

// crossings of all edges, by the accumulator tree of Barth, Jünger and Mutzel.
func (o *ordering) crossings() (n int) {
	for i := 1; i < len(o.layers); i++ {
		tree := make([]int, len(o.layers[i])+1)
		seen := 0
		for _, u := range o.layers[i-1] {
			for _, w := range o.net.down[u] {
				n += seen - prefixSum(tree, o.pos[w]+1)
			}
			for _, w := range o.net.down[u] {
				addTo(tree, o.pos[w]+1)
				seen++
			}
		}
	}
	return n
}

func prefixSum(tree []int, i int) (n int) {
	for ; i > 0; i -= i & -i {
		n += tree[i]
	}
	return n
}

func addTo(tree []int, i int) {
	for ; i < len(tree); i += i & -i {
		tree[i]++
	}
}
