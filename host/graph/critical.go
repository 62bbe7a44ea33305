// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"slices"
	"time"
)

// Critical finds the chain of nodes that took the longest, one after the
// other: to make a run faster, one of these must get faster. It marks the
// nodes and edges of the chain in g, unmarks all others, and returns the ids
// from first to last. Before a run nothing took any time, and there is none.
// The error is an *Error.
func Critical(g *Graph) ([]string, error) {
	d, err := newDigraph(g)
	if err != nil {
		return nil, err
	}
	for i := range g.Nodes {
		g.Nodes[i].Critical = false
	}
	for i := range g.Edges {
		g.Edges[i].Critical = false
	}
	chain := d.heaviest(func(v int) time.Duration { return g.Nodes[v].Wall })
	ids := make([]string, len(chain))
	next := make(map[arc]bool, len(chain))
	for i, v := range chain {
		g.Nodes[v].Critical = true
		ids[i] = g.Nodes[v].ID
		if i > 0 {
			next[arc{from: chain[i-1], to: v}] = true
		}
	}
	for i, a := range d.ends {
		g.Edges[i].Critical = next[arc{from: a.from, to: a.to}] && !a.back
	}
	return ids, nil
}

// heaviest is the path of the greatest weight, nil when all weigh nothing.
func (d *digraph) heaviest(weight func(int) time.Duration) []int {
	total, before := make([]time.Duration, len(d.in)), make([]int, len(d.in))
	end := -1
	for _, v := range d.order() {
		before[v] = -1
		for _, u := range d.in[v] {
			if before[v] < 0 || total[u] > total[before[v]] {
				before[v] = u
			}
		}
		if before[v] >= 0 {
			total[v] = total[before[v]]
		}
		total[v] += max(weight(v), 0)
		if total[v] > 0 && (end < 0 || total[v] > total[end]) {
			end = v
		}
	}
	var chain []int
	for v := end; v >= 0; v = before[v] {
		chain = append(chain, v)
	}
	slices.Reverse(chain)
	return chain
}

// criticalOf are the marked nodes in the order in which they ran.
func criticalOf(g *Graph) []*Node {
	next, started := map[string]string{}, map[string]bool{}
	for i := range g.Edges {
		if e := &g.Edges[i]; e.Critical {
			next[e.From], started[e.To] = e.To, true
		}
	}
	marked := map[string]*Node{}
	var at *Node
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.Critical {
			if marked[n.ID] = n; !started[n.ID] && at == nil {
				at = n
			}
		}
	}
	var out []*Node
	for at != nil && len(out) < len(marked) {
		out = append(out, at)
		at = marked[next[at.ID]]
	}
	return out
}
