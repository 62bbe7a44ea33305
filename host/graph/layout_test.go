// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

var testSpacing = Spacing{Column: 26, Row: 58, Slot: 16, Margin: 24}

// tangle has edges of any length, half of them doubled.
func tangle(n, edges int, seed uint64) *Graph {
	r := rand.New(rand.NewPCG(seed, 1))
	g := &Graph{Name: "tangle"}
	for i := range n {
		g.Nodes = append(g.Nodes, Node{ID: fmt.Sprint(i), Detail: fmt.Sprintf("%0*d", r.IntN(30), i)})
	}
	for range edges {
		a, b := r.IntN(n), r.IntN(n)
		if a < b {
			g.Edges = append(g.Edges, Edge{From: g.Nodes[a].ID, To: g.Nodes[b].ID, Rows: -1, Bytes: -1})
		}
	}
	return g
}

// skips is a chain in which every node feeds one far below, too.
func skips(n, span int) *Graph {
	g := tangle(n, 0, 1)
	for i := 1; i < n; i++ {
		g.Edges = append(g.Edges, Edge{From: g.Nodes[i-1].ID, To: g.Nodes[i].ID, Rows: 1, Bytes: 1})
		if i+span < n {
			g.Edges = append(g.Edges, Edge{From: g.Nodes[i].ID, To: g.Nodes[i+span].ID, Rows: 1, Bytes: 1})
		}
	}
	return g
}

func shapes() map[string]*Graph {
	return map[string]*Graph{
		"empty": {Name: "empty"}, "one": random(1, false), "churn": churn(), "random 30": random(30, true), "random 300": random(300, false),
		"fan": fan(300, 1), "branches": fan(20, 3), "tangle": tangle(120, 600, 3), "apart": tangle(50, 10, 4), "skips": skips(90, 20),
	}
}

func arranged(t testing.TB, g *Graph) *Layout {
	t.Helper()
	l, err := Arrange(g, boxSize, testSpacing)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// walk calls visit with points along a path, close enough to miss no node.
func (p Path) walk(visit func(Point)) {
	for i := 1; i < len(p.Points); i++ {
		a, b := p.Points[i-1], p.Points[i]
		middle := (a.Y + b.Y) / 2
		steps := 4 + int(math.Hypot(a.X-b.X, a.Y-b.Y)/6)
		for k := range steps + 1 {
			f := float64(k) / float64(steps)
			u, v, w, z := (1-f)*(1-f)*(1-f), 3*(1-f)*(1-f)*f, 3*(1-f)*f*f, f*f*f
			visit(Point{u*a.X + v*a.X + w*b.X + z*b.X, u*a.Y + v*middle + w*middle + z*b.Y})
		}
	}
}

// checkLayout holds a layout to what its documentation says.
func checkLayout(t *testing.T, g *Graph, l *Layout) {
	t.Helper()
	for i, a := range l.Boxes {
		if a.X < 0 || a.Y < 0 || a.X+a.Width > l.Width || a.Y+a.Height > l.Height {
			t.Fatalf("%s stands outside: %+v of %g x %g", g.Nodes[i].ID, a, l.Width, l.Height)
		}
		for k, b := range l.Boxes[:i] {
			if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				t.Fatalf("%s and %s overlap", g.Nodes[i].ID, g.Nodes[k].ID)
			}
		}
	}
	byID, _ := g.index()
	for i, p := range l.Paths {
		from, to := byID[g.Edges[i].From], byID[g.Edges[i].To]
		if from == to {
			continue
		}
		if p.Back != (l.Boxes[from].Layer >= l.Boxes[to].Layer) {
			t.Fatalf("edge %d leads from layer %d to %d, back is %v", i, l.Boxes[from].Layer, l.Boxes[to].Layer, p.Back)
		}
		near(t, p.Points[0], l.Boxes[from])
		near(t, p.Points[len(p.Points)-1], l.Boxes[to])
		p.walk(func(at Point) {
			for v, b := range l.Boxes {
				if at.X > b.X+0.5 && at.X < b.X+b.Width-0.5 && at.Y > b.Y+0.5 && at.Y < b.Y+b.Height-0.5 {
					t.Fatalf("the edge from %s to %s runs through %s at %v", g.Edges[i].From, g.Edges[i].To, g.Nodes[v].ID, at)
				}
			}
		})
	}
}

// near wants a point on the upper or lower side of a box.
func near(t *testing.T, p Point, b Box) {
	t.Helper()
	if p.X < b.X || p.X > b.X+b.Width || p.Y != b.Y && p.Y != b.Y+b.Height {
		t.Fatalf("an edge ends at %v, beside the box %+v", p, b)
	}
}

func TestLayoutKeepsNodesAndEdgesApart(t *testing.T) {
	for name, g := range shapes() {
		t.Run(name, func(t *testing.T) { checkLayout(t, g, arranged(t, g)) })
	}
	for seed := range uint64(25) {
		g := tangle(20+int(seed)*4, 30+int(seed)*9, seed)
		checkLayout(t, g, arranged(t, g))
	}
}

func TestPlainLayout(t *testing.T) {
	g := skips(700, 300)
	l := arranged(t, g)
	if !l.Plain {
		t.Fatal("120,000 slots were laid out")
	}
	for i, p := range l.Paths { // lines and no curves for long edges
		for k := 1; k < len(p.Points); k++ {
			a, b := p.Points[k-1], p.Points[k]
			if len(p.Points) == 6 && a.X != b.X && a.Y != b.Y {
				t.Fatalf("edge %d has a slanted line", i)
			}
		}
	}
	for i, p := range l.Paths {
		for k := 1; k < len(p.Points); k++ {
			for v, b := range l.Boxes {
				if crosses(p.Points[k-1], p.Points[k], b) {
					t.Fatalf("edge %d runs through node %d", i, v)
				}
			}
		}
	}
}

// crosses reports whether a straight line enters a box.
func crosses(a, b Point, box Box) bool {
	if a.X != b.X && a.Y != b.Y {
		return false
	}
	return max(a.X, b.X) > box.X+0.5 && min(a.X, b.X) < box.X+box.Width-0.5 && max(a.Y, b.Y) > box.Y+0.5 && min(a.Y, b.Y) < box.Y+box.Height-0.5
}

func TestLayoutIsDeterministic(t *testing.T) {
	for name, g := range shapes() {
		if a, b := arranged(t, g), arranged(t, g); !reflect.DeepEqual(a, b) {
			t.Errorf("%s differs from time to time", name)
		}
	}
}

func TestLayersAreBounded(t *testing.T) {
	g := fan(300, 1)
	l, err := Arrange(g, boxSize, Spacing{Column: 1, Row: 1, Slot: 1, Widest: 10})
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for _, b := range l.Boxes {
		count[b.Layer]++
	}
	for layer, n := range count {
		if n > 10 {
			t.Errorf("%d nodes in layer %d", n, layer)
		}
	}
	if l.Layers != 32 {
		t.Errorf("300 nodes between two take %d layers, want 32", l.Layers)
	}
}

// TestWideGraphStaysNarrow: trunks on both sides of a block do not push its
// rows apart.
func TestWideGraphStaysNarrow(t *testing.T) {
	l := arranged(t, fan(300, 1))
	if want := 2.2 * 20 * 180; l.Width > want {
		t.Errorf("300 nodes side by side are %g wide, want at most %g", l.Width, want)
	}
}

func TestCrossingsAreRemoved(t *testing.T) {
	g := &Graph{}
	for i := range 8 {
		g.Nodes = append(g.Nodes, Node{ID: fmt.Sprint(i)})
	}
	for i := range 4 { // 0..3 feed 7..4: crossed in the order of the nodes
		g.Edges = append(g.Edges, Edge{From: fmt.Sprint(i), To: fmt.Sprint(7 - i)})
	}
	d, err := newDigraph(g)
	if err != nil {
		t.Fatal(err)
	}
	if n := orderLayers(newNet(d, d.layer(8), false)).crossings(); n != 0 {
		t.Errorf("%d crossings are left of a drawing without any", n)
	}
}

func TestCrossingsAreCounted(t *testing.T) {
	g := tangle(16, 60, 9)
	d, err := newDigraph(g)
	if err != nil {
		t.Fatal(err)
	}
	o := orderLayers(newNet(d, d.layer(16), false))
	want := 0
	for u := range o.net.down {
		for _, v := range o.net.down[u] {
			for x := range o.net.down {
				for _, y := range o.net.down[x] {
					if o.net.layerOf[u] == o.net.layerOf[x] && o.pos[u] < o.pos[x] && o.pos[v] > o.pos[y] {
						want++
					}
				}
			}
		}
	}
	if got := o.crossings(); got != want {
		t.Errorf("%d crossings, counted one by one %d", got, want)
	}
}

func TestCyclesAreDrawnUpwards(t *testing.T) {
	g := &Graph{Nodes: []Node{{ID: "a"}, {ID: "b"}, {ID: "c"}}, Edges: []Edge{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "c", To: "a"}, {From: "b", To: "b"}}}
	l := arranged(t, g)
	checkLayout(t, g, l)
	if !l.Paths[2].Back || l.Paths[0].Back || l.Paths[3].Points != nil {
		t.Errorf("the edge that closes the cycle is not the one that leads back: %+v", l.Paths)
	}
	if first, last := l.Paths[2].Points[0], l.Paths[2].Points[len(l.Paths[2].Points)-1]; first.Y < last.Y {
		t.Error("the edge from c to a does not start at c")
	}
}

func TestBrokenGraphs(t *testing.T) {
	for name, g := range map[string]*Graph{
		"doubled id": {Name: "p", Nodes: []Node{{ID: "a"}, {ID: "a"}}},
		"no target":  {Name: "p", Nodes: []Node{{ID: "a"}}, Edges: []Edge{{From: "a", To: "b"}}},
		"no source":  {Name: "p", Nodes: []Node{{ID: "a"}}, Edges: []Edge{{From: "b", To: "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range Formats() {
				_, err := rendered(g, f, Options{})
				if e, ok := errors.AsType[*Error](err); !ok || e.Graph != "p" || e.Reason == "" {
					t.Errorf("%s: %v", f, err)
				}
			}
			if _, err := Critical(g); err == nil {
				t.Error("a critical path was found")
			}
		})
	}
}

// TestLargeGraphs is the promise of the package documentation, with room for a
// slow machine; see BenchmarkRender for what it takes.
func TestLargeGraphs(t *testing.T) {
	for name, c := range map[string]struct {
		g     *Graph
		limit time.Duration
	}{
		"1,000 in a row":      {random(1000, true), time.Minute},
		"1,000 side by side":  {fan(1000, 1), time.Minute},
		"1,000 tangled":       {tangle(1000, 3000, 5), time.Minute},
		"10,000 in a row":     {random(10_000, true), 2 * time.Minute},
		"10,000 side by side": {fan(10_000, 1), 2 * time.Minute},
		"10,000 with skips":   {skips(10_000, 4000), 2 * time.Minute},
		"10,000 tangled":      {tangle(10_000, 30_000, 5), 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Now()
			if _, err := rendered(c.g, SVG, Options{}); err != nil {
				t.Fatal(err)
			}
			took := time.Since(at)
			if took > c.limit {
				t.Errorf("it took %s", took)
			}
			t.Log(took)
		})
	}
}

func BenchmarkRender(b *testing.B) {
	for name, g := range map[string]*Graph{"1000": random(1000, true), "1000 side by side": fan(1000, 1)} {
		for _, f := range Formats() {
			b.Run(fmt.Sprintf("%s/%s", name, f), func(b *testing.B) {
				for b.Loop() {
					if _, err := rendered(g, f, Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
