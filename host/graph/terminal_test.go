// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"strings"
	"testing"
	"time"
)

func TestTerminal(t *testing.T) {
	g := &Graph{Name: "p", Nodes: []Node{
		{ID: "rows", Detail: "a.csv", Kind: "source", Status: OK, Wall: 41 * time.Millisecond}, {ID: "left", Detail: "data.prepare"}, {ID: "right", Detail: "data.embed"}, {ID: "out", Detail: "data.merge"},
	}, Edges: []Edge{
		{From: "rows", To: "left", Rows: 1000, Bytes: -1}, {From: "rows", To: "right", Rows: 1000, Bytes: -1}, {From: "rows", To: "out", Rows: 1000, Bytes: -1},
		{From: "left", To: "out", Rows: 990, Bytes: 2048}, {From: "right", To: "out", Rows: -1, Bytes: -1},
	}}
	want := strings.TrimPrefix(terminalGolden, "\n")
	if got := mustRender(t, g, Terminal, Options{}); got != want {
		t.Errorf("drawn as\n%s\nwant\n%s", got, want)
	}
	ascii := mustRender(t, g, Terminal, Options{ASCII: true})
	for _, r := range ascii {
		if r > 0x7e {
			t.Fatalf("%q in ASCII:\n%s", r, ascii)
		}
	}
	if !strings.Contains(ascii, "v") || !strings.Contains(ascii, "+ ok - 41 ms") {
		t.Errorf("drawn as\n%s", ascii)
	}
}

// TestTerminalLinesMeet: every end of a line goes on in the next cell, so no
// line hangs in the air.
func TestTerminalLinesMeet(t *testing.T) {
	directions := map[rune]int{}
	for mask, r := range strokes {
		if mask != left && mask != right && mask != up && mask != down && mask != 0 {
			directions[r] = mask
		}
	}
	directions['▼'] = up | down
	for name, g := range shapes() {
		text := mustRender(t, g, Terminal, Options{Width: 120})
		if !strings.Contains(text, "┌") {
			continue // a list
		}
		var grid [][]rune
		for line := range strings.Lines(text) {
			grid = append(grid, []rune(strings.TrimSuffix(line, "\n")))
		}
		at := func(x, y int) int {
			if y < 0 || y >= len(grid) || x < 0 || x >= len(grid[y]) {
				return 0
			}
			return directions[grid[y][x]]
		}
		for y := range grid {
			for x := range grid[y] {
				mask := at(x, y)
				if mask&right != 0 && at(x+1, y)&(left|up) == 0 || mask&left != 0 && at(x-1, y)&(right|up) == 0 {
					t.Fatalf("%s: a line ends in the air at %d, %d:\n%s", name, x, y, text)
				}
				below := grid[y][x] != '▼' && mask&down != 0
				if below && at(x, y+1) == 0 {
					t.Fatalf("%s: a line ends in the air below %d, %d:\n%s", name, x, y, text)
				}
			}
		}
	}
}

func TestTerminalFitsItsWidth(t *testing.T) {
	for name, g := range shapes() {
		for _, width := range []int{10, 40, 80, 200} {
			text := mustRender(t, g, Terminal, Options{Width: width})
			for line := range strings.Lines(text) {
				if n := columns(strings.TrimSuffix(line, "\n")); n > max(width, terminalMinWidth) {
					t.Errorf("%s: %d columns where %d are there: %q", name, n, width, line)
				}
			}
			for i := range g.Nodes {
				if label := g.Nodes[i].ID; len(label) < 14 && !strings.Contains(text, label) {
					t.Errorf("%s at %d lacks %s", name, width, label)
				}
			}
		}
	}
}

// TestCrowdedLabelsMoveInside: what an edge carries is never left out.
func TestCrowdedLabelsMoveInside(t *testing.T) {
	g := fan(2, 2)
	g.Edges[1].Label = strings.Repeat("long ", 6)
	text := mustRender(t, g, Terminal, Options{Width: 60})
	if !strings.Contains(text, "┌") || !strings.Contains(text, "→ long long") {
		t.Errorf("drawn as\n%s", text)
	}
}

func TestWideGraphsAreListed(t *testing.T) {
	text := mustRender(t, fan(300, 1), Terminal, Options{})
	lines := strings.Split(text, "\n")
	if lines[0] != "Pipeline fan_300: 302 nodes, 600 edges" || lines[1] != "  1  rows  rows.parquet" || lines[3] != "       ← rows (1,000,000 rows · 80 MiB)" {
		t.Errorf("listed as\n%s", strings.Join(lines[:4], "\n"))
	}
	if !strings.Contains(text, "← 300 inputs, such as train[0].s0, train[1].s0") {
		t.Error("the inputs of the last node are not counted")
	}
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 µs", 999: "0 µs", 41 * time.Microsecond: "41 µs", 1500 * time.Microsecond: "1.5 ms", 212 * time.Millisecond: "212 ms", 1940 * time.Millisecond: "1.9 s",
		12 * time.Second: "12 s", 61 * time.Second: "1m1s", 90*time.Minute + time.Second: "1h30m",
	} {
		if got := duration(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 10: "1 KiB", 812_331: "793 KiB", 1 << 40: "1 TiB", 1 << 62: "4096 PiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
