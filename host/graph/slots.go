// SPDX-License-Identifier: Apache-2.0

package graph

import "slices"

// maxSlots bounds the slots of edges that pass layers. Beyond it the layout is
// plain.
const maxSlots = 60_000

// net is a graph whose edges lead from one layer to the next. Its first
// vertices are the nodes, the others slots in which an edge passes a layer.
type net struct {
	nodes   int
	layerOf []int
	// side is -1 for the slots below a node, 1 for those above one, 0 for
	// nodes: where barycentres are equal, trunks keep to the sides, and two of
	// them do not change places from layer to layer.
	side     []int
	up, down [][]int
	// paths are the vertices of each arc from top to bottom; nil for loops and,
	// in a plain layout, for arcs that pass layers.
	paths [][]int
	plain bool
}

func (n *net) slot(v int) bool { return v >= n.nodes }

func (n *net) vertex(layer, side int) int {
	n.layerOf, n.side = append(n.layerOf, layer), append(n.side, side)
	n.up, n.down = append(n.up, nil), append(n.down, nil)
	return len(n.layerOf) - 1
}

func (n *net) link(u, v int) {
	n.down[u] = append(n.down[u], v)
	n.up[v] = append(n.up[v], u)
}

// newNet gives every edge its slots. Long edges of one node share one trunk;
// apart, only those out of one do.
func newNet(d *digraph, rank []int, apart bool) *net {
	n := &net{nodes: len(rank), layerOf: slices.Clone(rank), side: make([]int, len(rank)), up: make([][]int, len(rank)), down: make([][]int, len(rank)), paths: make([][]int, len(d.ends))}
	t := trunks{net: n, d: d, apart: apart, below: make([][]int, len(rank)), above: make([][]int, len(rank))}
	n.plain = t.count(rank) > maxSlots
	known := make(map[[2]int][]int, len(d.ends))
	for i, a := range d.ends {
		pair := [2]int{a.from, a.to}
		if path, ok := known[pair]; ok {
			n.paths[i] = path
			continue
		}
		if span := rank[a.to] - rank[a.from]; a.loop() || n.plain && span > 1 {
			continue
		}
		n.paths[i] = t.path(a)
		known[pair] = n.paths[i]
	}
	return n
}

// trunks are the chains of slots below and above each node, by layer.
type trunks struct {
	net          *net
	d            *digraph
	below, above [][]int
	apart        bool
}

// byTarget reports whether an edge joins the trunk of its target.
func (t *trunks) byTarget(a arc) bool { return !t.apart && len(t.d.in[a.to]) > len(t.d.out[a.from]) }

// count tells how many slots the trunks will have.
func (t *trunks) count(rank []int) int {
	below, above := make([]int, len(rank)), make([]int, len(rank))
	total := 0
	for _, a := range t.d.ends {
		side, v := below, a.from
		if t.byTarget(a) {
			side, v = above, a.to
		}
		if span := rank[a.to] - rank[a.from] - 1; span > side[v] {
			total += span - side[v]
			side[v] = span
		}
	}
	return total
}

// path gives the vertices of an arc and makes those that are not there yet.
func (t *trunks) path(a arc) []int {
	slots := t.net.layerOf[a.to] - t.net.layerOf[a.from] - 1
	path := []int{a.from}
	if t.byTarget(a) {
		t.rise(a.to, slots)
		for i := slots - 1; i >= 0; i-- {
			path = append(path, t.above[a.to][i])
		}
		path = append(path, a.to)
		t.net.link(a.from, path[1])
		return path
	}
	t.sink(a.from, slots)
	path = append(path, t.below[a.from][:slots]...)
	t.net.link(path[len(path)-1], a.to)
	return append(path, a.to)
}

// sink makes the trunk below v at least n slots long.
func (t *trunks) sink(v, n int) {
	for len(t.below[v]) < n {
		above := v
		if k := len(t.below[v]); k > 0 {
			above = t.below[v][k-1]
		}
		s := t.net.vertex(t.net.layerOf[above]+1, -1)
		t.net.link(above, s)
		t.below[v] = append(t.below[v], s)
	}
}

// rise makes the trunk above v at least n slots long.
func (t *trunks) rise(v, n int) {
	for len(t.above[v]) < n {
		below := v
		if k := len(t.above[v]); k > 0 {
			below = t.above[v][k-1]
		}
		s := t.net.vertex(t.net.layerOf[below]-1, 1)
		t.net.link(s, below)
		t.above[v] = append(t.above[v], s)
	}
}
