// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"strings"
)

// maxInputs bounds the inputs that a list names of one node.
const maxInputs = 8

// list writes a node on a line, in an order in which each comes after its
// inputs, and its inputs on the next.
func list(g *Graph, d *digraph, width int, ascii bool) string {
	var b strings.Builder
	head := title(g) + ": " + plural(len(g.Nodes), "node") + ", " + plural(len(g.Edges), "edge")
	b.WriteString(cutColumns(head, width) + "\n")
	inputs := make([][]int, len(g.Nodes))
	for i, a := range d.ends {
		to := a.to
		if a.back {
			to = a.from
		}
		inputs[to] = append(inputs[to], i)
	}
	digits := len(fmt.Sprint(len(g.Nodes)))
	for i, v := range d.order() {
		n := &g.Nodes[v]
		name := clean(n.label())
		if n.Critical {
			name = "◆ " + name
		}
		line := fmt.Sprintf("%*d  %s", digits, i+1, strings.Join(append([]string{name}, n.lines()...), "  "))
		b.WriteString(cutColumns(line, width) + "\n")
		if from := inputNames(g, inputs[v]); from != "" {
			b.WriteString(cutColumns(strings.Repeat(" ", digits+4)+"← "+from, width) + "\n")
		}
	}
	return b.String()
}

// inputNames are the nodes above, with what they give.
func inputNames(g *Graph, edges []int) string {
	var names []string
	for _, i := range edges[:min(len(edges), maxInputs)] {
		name := clean(g.Edges[i].From)
		if text := g.Edges[i].carries(); text != "" {
			name += " (" + text + ")"
		}
		names = append(names, name)
	}
	out := strings.Join(names, ", ")
	if len(edges) > maxInputs {
		out = fmt.Sprintf("%d inputs, such as %s", len(edges), out)
	}
	return out
}

// cutColumns cuts the end of a line.
func cutColumns(line string, width int) string {
	if columns(line) <= width {
		return line
	}
	used := 0
	for i, r := range line {
		if used += runeColumns(r); used > width-1 {
			return line[:i] + "…"
		}
	}
	return line
}
