// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"math"
	"slices"
	"testing"
)

const testGap = 10

// placed orders a graph and places it with nodes of 50.
func placed(t *testing.T, g *Graph) (*ordering, []float64, []float64) {
	t.Helper()
	_, n := netOf(t, g)
	o := orderLayers(n)
	width := make([]float64, len(o.pos))
	for v := range width {
		if !n.slot(v) {
			width[v] = 50
		}
	}
	return o, width, place(o, width, func(int, int) float64 { return testGap })
}

// TestPlacesKeepOrderAndDistance: in each layer, from left to right.
func TestPlacesKeepOrderAndDistance(t *testing.T) {
	for seed := range uint64(60) {
		o, width, x := placed(t, tangle(12+int(seed), 10+2*int(seed), seed))
		for _, layer := range o.layers {
			for i := 1; i < len(layer); i++ {
				u, v := layer[i-1], layer[i]
				if apart := x[v] - x[u] - (width[u]+width[v])/2; apart < testGap-1e-6 {
					t.Fatalf("seed %d: %d and %d are %g apart", seed, u, v, apart)
				}
			}
		}
		left := math.Inf(1)
		for v := range x {
			left = min(left, x[v]-width[v]/2)
		}
		if math.Abs(left) > 1e-6 {
			t.Fatalf("seed %d: the left end is at %g", seed, left)
		}
	}
}

func TestChainsStandStraight(t *testing.T) {
	o, _, x := placed(t, wired("a b", "b c", "c d", "x y", "y z"))
	for v := range o.net.down {
		for _, w := range o.net.down[v] {
			if x[v] != x[w] {
				t.Errorf("%d stands at %g and %d below it at %g", v, x[v], w, x[w])
			}
		}
	}
}

// TestTrunksStandStraight: the slots of long edges are under each other, with
// edges that join and leave.
func TestTrunksStandStraight(t *testing.T) {
	for name, g := range map[string]*Graph{
		"one": wired("a b", "b c", "c d", "d e", "a e"), "shared": wired("a b", "b c", "c d", "d e", "a c", "a d", "a e"),
		"into": wired("a b", "b c", "c d", "d e", "a e", "b e", "c e"), "fan": fan(40, 1),
	} {
		o, _, x := placed(t, g)
		for v := range o.net.down {
			for _, w := range o.net.down[v] {
				if o.net.slot(v) && o.net.slot(w) && math.Abs(x[v]-x[w]) > 1e-6 {
					t.Errorf("%s: a trunk bends from %g to %g", name, x[v], x[w])
				}
			}
		}
	}
}

func TestParentsStandOverTheMiddle(t *testing.T) {
	_, _, x := placed(t, wired("s a", "s b", "s c"))
	if x[0] != x[2] || x[1] >= x[2] || x[2] >= x[3] {
		t.Errorf("the parent of three stands at %g, they at %v", x[0], x[1:])
	}
}

func TestMedians(t *testing.T) {
	for _, c := range []struct {
		n      int
		toLeft bool
		want   []int
	}{{0, true, nil}, {1, true, []int{0}}, {5, false, []int{2}}, {4, true, []int{1, 2}}, {4, false, []int{2, 1}}} {
		if got := medians(c.n, c.toLeft); !slices.Equal(got, c.want) {
			t.Errorf("medians of %d: %v, want %v", c.n, got, c.want)
		}
	}
}

// TestSweepsNeverMakeItWorse: the order that is kept has at most the crossings
// of the first.
func TestSweepsNeverMakeItWorse(t *testing.T) {
	better := 0
	for seed := range uint64(40) {
		_, n := netOf(t, tangle(30, 60, seed))
		first := &ordering{net: n, pos: make([]int, len(n.layerOf))}
		first.start()
		before, after := first.crossings(), orderLayers(n).crossings()
		if after > before {
			t.Errorf("seed %d: %d crossings became %d", seed, before, after)
		}
		if after < before {
			better++
		}
	}
	if better < 30 {
		t.Errorf("only %d of 40 drawings have fewer crossings than at first", better)
	}
}

func TestPairCrossings(t *testing.T) {
	for seed := range uint64(20) {
		_, n := netOf(t, tangle(20, 50, seed))
		o := orderLayers(n)
		for _, layer := range o.layers {
			for i := 1; i < len(layer); i++ {
				a, b := layer[i-1], layer[i]
				before, now, swapped := o.crossings(), o.pairCrossings(a, b), o.pairCrossings(b, a)
				layer[i-1], layer[i] = b, a
				o.number(layer)
				if after := o.crossings(); after-before != swapped-now {
					t.Fatalf("seed %d: a swap changes %d crossings, told %d", seed, after-before, swapped-now)
				}
				layer[i-1], layer[i] = a, b
				o.number(layer)
			}
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	last := math.MaxInt
	for _, n := range []int{10, 500, 5000, 20_000, 1_000_000} {
		s := sweeps(n)
		if s > last || s < 1 {
			t.Errorf("%d sweeps for %d vertices", s, n)
		}
		last = s
	}
}

func TestSpacing(t *testing.T) {
	for _, c := range []struct{ set, nodes, want int }{{3, 100, 3}, {0, 1, 8}, {0, 1000, 35}} {
		if got := (Spacing{Widest: c.set}).widest(c.nodes); got != c.want {
			t.Errorf("%d of %d nodes: %d, want %d", c.set, c.nodes, got, c.want)
		}
	}
}

func TestPointsOnALineAreOne(t *testing.T) {
	points := []Point{{0, 0}}
	for _, p := range []Point{{0, 0}, {0, 5}, {0, 9}, {4, 20}, {4, 30}, {4, 40}} {
		points = extend(points, p)
	}
	if want := []Point{{0, 0}, {0, 9}, {4, 20}, {4, 40}}; !slices.Equal(points, want) {
		t.Errorf("points %v, want %v", points, want)
	}
}
