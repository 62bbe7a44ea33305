// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// wired makes a graph from edges such as "a b", with the nodes that they name.
func wired(edges ...string) *Graph {
	g := &Graph{Name: "wired"}
	seen := map[string]bool{}
	for _, e := range edges {
		ends := strings.Fields(e)
		for _, id := range ends {
			if !seen[id] {
				seen[id] = true
				g.Nodes = append(g.Nodes, Node{ID: id})
			}
		}
		if len(ends) == 2 {
			g.Edges = append(g.Edges, Edge{From: ends[0], To: ends[1], Rows: -1, Bytes: -1})
		}
	}
	return g
}

func numbered(t testing.TB, g *Graph) *digraph {
	t.Helper()
	d, err := newDigraph(g)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDigraph(t *testing.T) {
	for name, c := range map[string]struct {
		edges []string
		back  []int // numbers of edges that lead back
		out   int   // edges that are left
	}{
		"chain":            {[]string{"a b", "b c"}, nil, 2},
		"doubled":          {[]string{"a b", "a b", "a b"}, nil, 1},
		"loop":             {[]string{"a a", "a b"}, nil, 1},
		"two ways":         {[]string{"a b", "b a"}, []int{1}, 1},
		"circle":           {[]string{"a b", "b c", "c a"}, []int{2}, 3},
		"two circles":      {[]string{"a b", "b a", "b c", "c b"}, []int{1, 3}, 2},
		"cross, no circle": {[]string{"a b", "c b", "c a"}, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			d := numbered(t, wired(c.edges...))
			var back []int
			for i, a := range d.ends {
				if a.back {
					back = append(back, i)
				}
			}
			if !slices.Equal(back, c.back) {
				t.Errorf("edges %v lead back, want %v", back, c.back)
			}
			n := 0
			for v := range d.out {
				n += len(d.out[v])
			}
			if n != c.out {
				t.Errorf("%d edges are left, want %d", n, c.out)
			}
			checkOrder(t, d)
		})
	}
}

// checkOrder wants every node once, each after its inputs.
func checkOrder(t *testing.T, d *digraph) {
	t.Helper()
	at := make([]int, len(d.in))
	order := d.order()
	if len(order) != len(d.in) {
		t.Fatalf("%d of %d nodes are in the order: a circle is left", len(order), len(d.in))
	}
	for i, v := range order {
		at[v] = i
	}
	for v := range d.in {
		for _, u := range d.in[v] {
			if at[u] >= at[v] {
				t.Errorf("node %d comes before its input %d", v, u)
			}
		}
	}
}

func TestDeepGraphsNeedNoStack(t *testing.T) {
	var edges []string
	for i := range 50_000 {
		edges = append(edges, fmt.Sprintf("%d %d", i, i+1))
	}
	checkOrder(t, numbered(t, wired(append(edges, "50000 0")...)))
}

func TestLayers(t *testing.T) {
	for name, c := range map[string]struct {
		edges  []string
		widest int
		want   string // the nodes of each layer
	}{
		"chain":                         {[]string{"a b", "b c"}, 8, "a|b|c"},
		"longest path":                  {[]string{"a b", "b c", "a c"}, 8, "a|b|c"},
		"a source goes to its consumer": {[]string{"a b", "b c", "c d", "x d"}, 8, "a|b|cx|d"},
		"a sink stays with its input":   {[]string{"a b", "b c", "c d", "a y"}, 8, "a|by|c|d"},
		"wide is broken":                {[]string{"s a", "s b", "s c", "s d", "s e"}, 2, "s|ab|cd|e"},
		"a branch goes on where it can": {[]string{"s a", "s b", "s c", "a x", "b y", "c z"}, 2, "s|ab|xy|c|z"},
		"no edges":                      {[]string{"a", "b", "c"}, 2, "ab|c"},
	} {
		t.Run(name, func(t *testing.T) {
			g := wired(c.edges...)
			var layers []string
			for v, r := range numbered(t, g).layer(c.widest) {
				for len(layers) <= r {
					layers = append(layers, "")
				}
				layers[r] += g.Nodes[v].ID
			}
			for i := range layers {
				layers[i] = string(slices.Sorted(slices.Values([]byte(layers[i]))))
			}
			if got := strings.Join(layers, "|"); got != c.want {
				t.Errorf("layers %s, want %s", got, c.want)
			}
		})
	}
}

// TestLayersAlways: edges lead down, no layer is empty, none is too wide.
func TestLayersAlways(t *testing.T) {
	for seed := range uint64(60) {
		d := numbered(t, tangle(10+int(seed), int(3*seed), seed))
		widest := 2 + int(seed%9)
		rank := d.layer(widest)
		for v := range d.in {
			for _, u := range d.in[v] {
				if rank[u] >= rank[v] {
					t.Fatalf("seed %d: the edge from %d to %d does not lead down", seed, u, v)
				}
			}
		}
		for layer, n := range population(rank) {
			if n == 0 || n > widest {
				t.Fatalf("seed %d: %d nodes in layer %d where %d may be", seed, n, layer, widest)
			}
		}
	}
}

func TestNormalClosesLayers(t *testing.T) {
	if got := normal([]int{0, 3, 3, 7}); !slices.Equal(got, []int{0, 1, 1, 2}) {
		t.Errorf("layers %v", got)
	}
}

// netOf gives a graph its slots, with the layers of its longest paths.
func netOf(t *testing.T, g *Graph) (*digraph, *net) {
	t.Helper()
	d := numbered(t, g)
	return d, newNet(d, d.longest(d.order()), false)
}

func TestSlotsAreShared(t *testing.T) {
	chain := []string{"a b", "b c", "c d", "d e"}
	for name, c := range map[string]struct {
		edges []string
		slots int
	}{
		"none":                 {nil, 0},
		"one edge":             {[]string{"a e"}, 3},
		"one edge twice":       {[]string{"a e", "a e"}, 3},
		"out of one node":      {[]string{"a c", "a d", "a e"}, 3},
		"into one node":        {[]string{"a e", "b e", "c e"}, 3},
		"two nodes, two edges": {[]string{"a d", "b e"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			d, n := netOf(t, wired(append(chain, c.edges...)...))
			if got := len(n.layerOf) - n.nodes; got != c.slots {
				t.Errorf("%d slots, want %d", got, c.slots)
			}
			checkNet(t, d, n)
		})
	}
}

// checkNet wants every path to go from layer to layer along links, and every
// link once.
func checkNet(t *testing.T, d *digraph, n *net) {
	t.Helper()
	for i, path := range n.paths {
		if path == nil {
			continue
		}
		if path[0] != d.ends[i].from || path[len(path)-1] != d.ends[i].to {
			t.Errorf("the path %v is not that of the edge %+v", path, d.ends[i])
		}
		for k := 1; k < len(path); k++ {
			u, v := path[k-1], path[k]
			if n.layerOf[v] != n.layerOf[u]+1 || !slices.Contains(n.down[u], v) || !slices.Contains(n.up[v], u) {
				t.Errorf("the path %v leaps from %d to %d", path, u, v)
			}
		}
		for _, s := range path[1 : len(path)-1] {
			if !n.slot(s) || n.side[s] == 0 {
				t.Errorf("the path %v goes through the node %d", path, s)
			}
		}
	}
	for v := range n.down {
		if list := slices.Sorted(slices.Values(n.down[v])); len(slices.Compact(list)) != len(n.down[v]) {
			t.Errorf("%d has a link twice: %v", v, n.down[v])
		}
	}
}

func TestSlotsAreCountedBefore(t *testing.T) {
	for seed := range uint64(40) {
		d, n := netOf(t, tangle(30, 90, seed))
		trunk := trunks{net: n, d: d}
		if want, got := trunk.count(n.layerOf[:n.nodes]), len(n.layerOf)-n.nodes; want != got {
			t.Fatalf("seed %d: %d slots were counted and %d made", seed, want, got)
		}
		checkNet(t, d, n)
	}
}
