// SPDX-License-Identifier: Apache-2.0

package graph

// digraph is a graph by numbers, without cycles, loops and repeated edges.
type digraph struct {
	out, in [][]int
	// ends are the two nodes of each edge of the drawing, in the direction of
	// the layers; back tells those that lead from a lower to a higher node.
	ends []arc
}

// arc is an edge by numbers.
type arc struct {
	from, to int
	back     bool
}

// loop reports whether an edge leads to its own node; it is not drawn.
func (a arc) loop() bool { return a.from == a.to }

// newDigraph numbers the edges of g and turns those round that close a cycle.
func newDigraph(g *Graph) (*digraph, error) {
	byID, err := g.index()
	if err != nil {
		return nil, err
	}
	d := &digraph{out: make([][]int, len(g.Nodes)), in: make([][]int, len(g.Nodes)), ends: make([]arc, len(g.Edges))}
	outgoing := make([][]int, len(g.Nodes))
	for i, e := range g.Edges {
		d.ends[i] = arc{from: byID[e.From], to: byID[e.To]}
		outgoing[d.ends[i].from] = append(outgoing[d.ends[i].from], i)
	}
	d.turnBackEdges(outgoing)
	d.connect()
	return d, nil
}

// turnBackEdges walks depth first, without recursion: a chain may be long.
func (d *digraph) turnBackEdges(outgoing [][]int) {
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(outgoing))
	next := make([]int, len(outgoing))
	for root := range outgoing {
		if state[root] != fresh {
			continue
		}
		stack := []int{root}
		state[root] = open
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			if next[v] == len(outgoing[v]) {
				state[v], stack = done, stack[:len(stack)-1]
				continue
			}
			a := &d.ends[outgoing[v][next[v]]]
			next[v]++
			switch to := a.to; {
			case a.loop():
			case state[to] == open:
				a.from, a.to, a.back = a.to, a.from, true
			case state[to] == fresh:
				state[to] = open
				stack = append(stack, to)
			}
		}
	}
}

// connect fills in and out from the arcs, each pair once.
func (d *digraph) connect() {
	seen := make(map[[2]int]bool, len(d.ends))
	for _, a := range d.ends {
		pair := [2]int{a.from, a.to}
		if a.loop() || seen[pair] {
			continue
		}
		seen[pair] = true
		d.out[a.from] = append(d.out[a.from], a.to)
		d.in[a.to] = append(d.in[a.to], a.from)
	}
}

// order gives the nodes so that each comes after its inputs.
func (d *digraph) order() []int {
	missing := make([]int, len(d.in))
	order := make([]int, 0, len(d.in))
	for v := range d.in {
		if missing[v] = len(d.in[v]); missing[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, w := range d.out[order[i]] {
			if missing[w]--; missing[w] == 0 {
				order = append(order, w)
			}
		}
	}
	return order
}
