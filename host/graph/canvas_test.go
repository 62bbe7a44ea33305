// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestLinesJoin(t *testing.T) {
	for name, c := range map[string]struct {
		draw func(*canvas)
		want string
	}{
		"cross":  {func(c *canvas) { c.horizontal(1, 0, 2); c.vertical(1, 0, 2) }, " │\n─┼─\n │\n"},
		"tee":    {func(c *canvas) { c.horizontal(0, 0, 2); c.vertical(1, 0, 1) }, "─┬─\n │\n"},
		"corner": {func(c *canvas) { c.horizontal(0, 0, 1); c.vertical(0, 0, 1) }, "┌─\n│\n"},
		"box":    {func(c *canvas) { c.box(1, 0, 7, []string{"ab", "c"}) }, " ┌─────┐\n │ ab  │\n │ c   │\n └─────┘\n"},
		"wide":   {func(c *canvas) { c.box(0, 0, 8, []string{"日本"}) }, "┌──────┐\n│ 日本 │\n└──────┘\n"},
		"bridge": {func(c *canvas) { c.pen = 1; c.horizontal(1, 0, 2); c.pen = 2; c.vertical(1, 0, 2) }, " │\n─│─\n │\n"},
		"mark":   {func(c *canvas) { c.write(0, 0, "e\u0301x") }, "ex\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b canvas
			c.draw(&b)
			if got := b.String(); got != c.want {
				t.Errorf("drawn as\n%swant\n%s", got, c.want)
			}
			b.ascii = true
			if got := b.String(); strings.ContainsAny(got, "─│┌┐└┘├┤┬┴┼") {
				t.Errorf("drawn as\n%s", got)
			}
		})
	}
}

// TestSlotsOfTheTerminalAreApart: edges into one node keep a line each.
func TestSlotsOfTheTerminalAreApart(t *testing.T) {
	d := numbered(t, wired("a b", "b c", "c d", "d e", "a e", "b e", "c e"))
	n := newNet(d, d.longest(d.order()), true)
	if got := len(n.layerOf) - n.nodes; got != 3+2+1 {
		t.Errorf("%d slots, want 6", got)
	}
	checkNet(t, d, n)
}

func TestFree(t *testing.T) {
	var c canvas
	c.write(5, 1, "x")
	for _, at := range []struct {
		x, y, n int
		want    bool
	}{{0, 0, 99, true}, {0, 1, 5, true}, {0, 1, 6, false}, {5, 1, 1, false}, {6, 1, 50, true}, {0, 9, 9, true}} {
		if got := c.free(at.x, at.y, at.n); got != at.want {
			t.Errorf("%+v: %v", at, got)
		}
	}
}

func wireOf(from int, to ...int) *wire { return &wire{from: from, to: to} }

func TestTracks(t *testing.T) {
	for name, c := range map[string]struct {
		wires  []*wire
		want   []int
		tracks int
	}{
		"straight":           {[]*wire{wireOf(3, 3)}, []int{0}, 0},
		"one":                {[]*wire{wireOf(3, 9)}, []int{0}, 1},
		"apart":              {[]*wire{wireOf(3, 9), wireOf(20, 15)}, []int{0, 0}, 1},
		"overlapping":        {[]*wire{wireOf(3, 9), wireOf(5, 20)}, []int{0, 1}, 2},
		"touching":           {[]*wire{wireOf(3, 9), wireOf(10, 9)}, []int{0, 1}, 2},
		"arrives under":      {[]*wire{wireOf(3, 9), wireOf(9, 20)}, []int{1, 0}, 2},
		"three in a row":     {[]*wire{wireOf(1, 5), wireOf(5, 9), wireOf(9, 13)}, []int{2, 1, 0}, 3},
		"each under another": {[]*wire{wireOf(3, 9), wireOf(9, 3)}, []int{0, 1}, 2},
		"many targets":       {[]*wire{wireOf(10, 2, 10, 18), wireOf(30, 14)}, []int{0, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if n, ok := assign(c.wires); n != c.tracks || ok == (name == "each under another") {
				t.Errorf("%d tracks, %v, want %d", n, ok, c.tracks)
			}
			var got []int
			for _, w := range c.wires {
				got = append(got, w.track)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("tracks %v, want %v", got, c.want)
			}
		})
	}
}

// TestDrawnLinesLeadWhereTheyShould follows the lines of a drawing from box to
// box and finds the edges of the graph again.
func TestDrawnLinesLeadWhereTheyShould(t *testing.T) {
	for name, g := range map[string]*Graph{
		"diamond": wired("a b", "a c", "b d", "c d"), "skip": wired("a b", "b c", "a c"), "two": wired("a b", "c d"),
		"fan": wired("s a", "s b", "s c", "a t", "b t", "c t"), "long": wired("a b", "b c", "c d", "a d", "b d"),
		"many": wired("a b", "b c", "c d", "a d", "b d", "a c", "s d", "s b", "t b"), "swap": wired("a d", "b c", "a c", "b d", "s c", "t d"),
	} {
		t.Run(name, func(t *testing.T) {
			text := mustRender(t, g, Terminal, Options{Width: 100})
			got := follow(strings.Split(text, "\n"))
			var want []string
			for _, e := range g.Edges {
				want = append(want, e.From+" "+e.To)
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the lines join %v, want %v, in\n%s", got, want, text)
			}
		})
	}
}

// follow walks down from the ┬ in the lower side of each box along the lines,
// never through a side of a box, to the boxes under the tips that it finds.
func follow(lines []string) (edges []string) {
	grid := make([][]rune, len(lines))
	for i, l := range lines {
		grid[i] = []rune(l)
	}
	at := func(x, y int) rune {
		if y < 0 || y >= len(grid) || x < 0 || x >= len(grid[y]) {
			return ' '
		}
		return grid[y][x]
	}
	name := func(x, y int) string { // the name in the box that has x, y inside
		for ; x >= 0; x-- {
			if at(x, y) == '│' {
				if r := at(x+2, y); r >= 'a' && r <= 'z' {
					return string(r)
				}
				return ""
			}
		}
		return ""
	}
	for y := range grid {
		for x := range grid[y] {
			if at(x, y) != '┬' || name(x, y-1) == "" || at(x, y-1) == '│' || !inBottom(grid[y], x) {
				continue
			}
			for _, to := range reach(at, x, y+1) {
				edges = append(edges, name(x, y-1)+" "+name(to[0], to[1]+2))
			}
		}
	}
	slices.Sort(edges)
	return edges
}

// inBottom reports whether x lies between the corners └ and ┘ of a box.
func inBottom(row []rune, x int) bool {
	i := x
	for i > 0 && (row[i] == '─' || row[i] == '┬') {
		i--
	}
	k := x
	for k < len(row)-1 && (row[k] == '─' || row[k] == '┬') {
		k++
	}
	return row[i] == '└' && row[k] == '┘'
}

// reach are the tips that lines from x, y lead to, going down and sideways. A
// line that meets a vertical one sideways goes on behind it.
func reach(at func(x, y int) rune, x, y int) (tips [][2]int) {
	type step struct{ x, y, from int }
	seen := map[step]bool{}
	todo := []step{{x, y, up}}
	masks := map[rune]int{}
	for m, r := range strokes {
		masks[r] = m
	}
	masks['│'], masks['─'] = up|down, left|right
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		if seen[s] {
			continue
		}
		seen[s] = true
		r := at(s.x, s.y)
		if r == '▼' {
			tips = append(tips, [2]int{s.x, s.y})
			continue
		}
		m := masks[r]
		if r == '│' && (s.from == left || s.from == right) {
			m = left | right
		}
		if m&down != 0 && s.from != down {
			todo = append(todo, step{s.x, s.y + 1, up})
		}
		if m&left != 0 && s.from != left {
			todo = append(todo, step{s.x - 1, s.y, right})
		}
		if m&right != 0 && s.from != right {
			todo = append(todo, step{s.x + 1, s.y, left})
		}
	}
	return tips
}

// TestAnyDrawingLeadsWhereItShould draws small graphs of any shape. One that
// cannot be drawn without lines that touch is listed.
func TestAnyDrawingLeadsWhereItShould(t *testing.T) {
	drawn := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := 3 + r.IntN(9)
		var edges []string
		for range n + r.IntN(n) {
			a, b := r.IntN(n), r.IntN(n)
			if e := fmt.Sprintf("%c %c", 'a'+min(a, b), 'a'+max(a, b)); a != b && !slices.Contains(edges, e) {
				edges = append(edges, e)
			}
		}
		slices.Sort(edges)
		text := mustRender(t, wired(edges...), Terminal, Options{Width: 80})
		if !strings.Contains(text, "┌") {
			continue
		}
		drawn++
		if got := follow(strings.Split(text, "\n")); !slices.Equal(got, edges) {
			t.Fatalf("seed %d: the lines join %v, want %v, in\n%s", seed, got, edges, text)
		}
	}
	if drawn < 350 {
		t.Errorf("only %d of 400 graphs were drawn", drawn)
	}
}
