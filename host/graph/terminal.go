// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"math"
	"strings"
)

// Bounds of a drawing for a terminal. A larger graph is listed.
const (
	terminalWidth    = 80
	terminalMinWidth = 40
	terminalNodes    = 60
)

// writeTerminal draws boxes and lines where they fit, and lists nodes where
// they do not.
func writeTerminal(b *bytes.Buffer, g *Graph, o Options) error {
	d, err := newDigraph(g)
	if err != nil {
		return err
	}
	width := terminalWidth
	if o.Width > 0 {
		width = max(o.Width, terminalMinWidth)
	}
	text := ""
	if len(g.Nodes) <= terminalNodes && !d.turned() {
		for _, widest := range []int{32, 24, 17} {
			var crowded map[string]bool
			if text, crowded = drawTerminal(g, d, width, widest, o.ASCII, nil); len(crowded) > 0 {
				text, _ = drawTerminal(g, d, width, widest, o.ASCII, crowded)
			}
			if text != "" {
				break
			}
		}
	}
	if text == "" {
		text = list(g, d, width, o.ASCII)
	}
	b.WriteString(plainText(text, o.ASCII))
	return nil
}

// turned reports whether an edge leads upwards or to its own node, which has no
// place in a drawing of lines.
func (d *digraph) turned() bool {
	for _, a := range d.ends {
		if a.back || a.loop() {
			return true
		}
	}
	return false
}

// plainText replaces the signs that this package writes by those of ASCII, of
// the same width; names keep their letters.
func plainText(s string, ascii bool) string {
	if !ascii {
		return s
	}
	return strings.NewReplacer("…", "~", "·", "-", "✓", "+", "✗", "x", "–", "-", "■", "#", "▶", ">", "◆", "*", "←", "<", "→", ">", "µ", "u").Replace(s)
}

// terminalDrawing puts a layout on a canvas.
type terminalDrawing struct {
	*arranger
	canvas canvas
	// text of each box, and its left column; for a slot, its column.
	text [][]string
	col  []int
	same map[string]string
	// screen is the width of all; crowded are the nodes that have no room
	// beside their wire for what they give, and inside those that tell it in
	// their box.
	screen          int
	inside, crowded map[string]bool
	// tangled is set when lines would touch.
	tangled bool
}

// drawTerminal is empty when the drawing is wider than width, or lines would
// touch. It returns the nodes that should tell what they give inside.
func drawTerminal(g *Graph, d *digraph, width, widest int, ascii bool, inside map[string]bool) (text string, crowded map[string]bool) {
	t := &terminalDrawing{text: make([][]string, len(g.Nodes)), same: sharedLabels(g), canvas: canvas{ascii: ascii}, screen: width, inside: inside, crowded: map[string]bool{}}
	for i := range g.Nodes {
		t.text[i] = t.lines(g, i, widest)
	}
	spacing := Spacing{Column: 2, Row: 1, Slot: 2, apart: true, Widest: max(1, (width+2)/(widest/2+4))}
	t.arranger = newArranger(g, d, spacing, func(n *Node) (float64, float64) {
		i := t.index(g, n)
		wide := max(boxColumns(t.text[i]), 2*len(d.in[i])+3) // room for the tips
		return float64(wide), float64(len(t.text[i]) + 2)
	})
	if t.snap() > width {
		return "", nil
	}
	y := 0
	for i := range t.layers {
		y = t.layer(i, y)
	}
	if t.tangled {
		return "", nil
	}
	return t.canvas.String(), t.crowded
}

// index of a node of g by its place in memory.
func (t *terminalDrawing) index(g *Graph, n *Node) int {
	for i := range g.Nodes {
		if &g.Nodes[i] == n {
			return i
		}
	}
	return 0
}

// boxColumns is the width of a box, which is odd so that it has a middle.
func boxColumns(lines []string) int {
	w := 0
	for _, line := range lines {
		w = max(w, columns(line))
	}
	return (w+4)/2*2 + 1
}

// lines of a box; those of edges come in where the nodes above do not tell
// what they carry.
func (t *terminalDrawing) lines(g *Graph, i, widest int) []string {
	n := &g.Nodes[i]
	head := clean(n.label())
	if n.Critical {
		head = "◆ " + head
	}
	out := append([]string{head}, n.lines()...)
	if t.inside[n.ID] {
		out = append(out, "→ "+t.same[n.ID])
	}
	for k := range g.Edges {
		if e := &g.Edges[k]; e.To == n.ID && t.same[e.From] == "" && e.carries() != "" {
			out = append(out, clean(e.From)+": "+e.carries())
		}
	}
	for k := range out {
		out[k] = fit(out[k], float64(widest), func(s string) float64 { return float64(columns(s)) })
	}
	return out
}

// snap gives every box and slot whole columns and returns the width of all.
func (t *terminalDrawing) snap() (width int) {
	t.col = make([]int, len(t.x))
	for _, layer := range t.layers {
		next := 0
		for _, v := range layer {
			wide := 1
			if !t.net.slot(v) {
				wide = int(t.width[v])
			}
			t.col[v] = max(next, int(math.Round(t.x[v]-float64(wide-1)/2)))
			next = t.col[v] + wide + 1
		}
		width = max(width, next-1)
	}
	return width
}

// middle is the column in which edges leave a vertex.
func (t *terminalDrawing) middle(v int) int {
	if t.net.slot(v) {
		return t.col[v]
	}
	return t.col[v] + int(t.width[v])/2
}

// layer draws boxes from row y on, and the lines to the next layer; it returns
// the row of that.
func (t *terminalDrawing) layer(i, y int) int {
	height := 1
	for _, v := range t.layers[i] {
		if !t.net.slot(v) {
			height = max(height, len(t.text[v])+2)
		}
	}
	for _, v := range t.layers[i] {
		switch {
		case t.net.slot(v):
			t.canvas.vertical(t.col[v], y, y+height)
		case len(t.net.down[v]) > 0:
			t.canvas.vertical(t.middle(v), y+len(t.text[v])+1, y+height)
			fallthrough
		default:
			t.canvas.box(t.col[v], y, int(t.width[v]), t.text[v])
		}
	}
	if i == len(t.layers)-1 {
		return y + height
	}
	return t.gapBelow(i, y+height)
}
