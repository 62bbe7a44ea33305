// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"fmt"
	"strings"
)

func (s *sketch) edge(i int) {
	e, p := &s.g.Edges[i], s.layout.Paths[i]
	if len(p.Points) == 0 {
		return
	}
	ends := fmt.Sprintf(`data-ends="%d %d"`, s.byID[e.From], s.byID[e.To])
	class := ""
	if e.Critical {
		class = " critical"
	}
	back := ""
	if p.Back {
		back = " back"
	}
	tip := p.Points[len(p.Points)-1]
	fmt.Fprintf(s.b, "<path class=\"edge%s%s\" %s d=\"%s\"><title>%s</title></path><path class=\"tip%s\" %s d=\"M%s %sl-4.5 %sh9z\"/>\n",
		class, back, ends, p.curve(), escaped(s.edgeTitle(e)), class, ends, px(tip.X), px(tip.Y), px(tipHeight(p)))
}

// edgeTitle says where an edge leads and what it carries.
func (s *sketch) edgeTitle(e *Edge) string {
	out := clean(s.g.Nodes[s.byID[e.From]].label()) + " to " + clean(s.g.Nodes[s.byID[e.To]].label())
	if text := e.carries(); text != "" {
		out += ": " + text
	}
	return out
}

// tipHeight is that of an arrow, which points up on an edge that leads back.
func tipHeight(p Path) float64 {
	if p.Back {
		return 9
	}
	return -9
}

// curve is the path in the words of SVG.
func (p Path) curve() string {
	var b strings.Builder
	at := p.Points[0]
	fmt.Fprintf(&b, "M%s %s", px(at.X), px(at.Y))
	for _, to := range p.Points[1:] {
		switch {
		case to.X == at.X:
			fmt.Fprintf(&b, "V%s", px(to.Y))
		case to.Y == at.Y:
			fmt.Fprintf(&b, "H%s", px(to.X))
		default:
			middle := (at.Y + to.Y) / 2
			fmt.Fprintf(&b, "C%s %s %s %s %s %s", px(at.X), px(middle), px(to.X), px(middle), px(to.X), px(to.Y))
		}
		at = to
	}
	return b.String()
}

// labels writes what edges carry: once below a node whose edges all carry the
// same, else above the node that each leads to.
func (s *sketch) labels() {
	same, below, above := sharedLabels(s.g), map[string]bool{}, map[string]int{}
	for i := range s.g.Edges {
		e, p := &s.g.Edges[i], s.layout.Paths[i]
		text := e.carries()
		if text == "" || len(p.Points) == 0 || below[e.From] {
			continue
		}
		if same[e.From] != "" {
			below[e.From] = true
			s.labelBelow(e.From, p.Points[0], text)
		} else if above[e.To] < maxStacked {
			at := p.Points[len(p.Points)-1]
			fmt.Fprintf(s.b, "<text class=\"carries\" data-ends=\"%d %d\" x=\"%s\" y=\"%s\">%s</text>\n",
				s.byID[e.From], s.byID[e.To], px(at.X+7), px(at.Y-15-float64(12*above[e.To])), escaped(text))
			above[e.To]++
		}
	}
}

// maxStacked labels stand above each other; an edge says what it carries in its
// title, too.
const maxStacked = 3

// labelBelow stands on the side to which fewer edges go.
func (s *sketch) labelBelow(from string, at Point, text string) {
	x, anchor := at.X+8, "start"
	if s.leaning[from] > 0 {
		x, anchor = at.X-8, "end"
	}
	fmt.Fprintf(s.b, "<text class=\"carries\" data-ends=\"%d\" x=\"%s\" y=\"%s\" text-anchor=\"%s\">", s.byID[from], px(x), px(at.Y+17), anchor)
	for i, line := range strings.Split(text, " · ") {
		fmt.Fprintf(s.b, "<tspan x=\"%s\" dy=\"%d\">%s</tspan>", px(x), min(i, 1)*12, escaped(line))
	}
	s.b.WriteString("</text>\n")
}

// lean counts the edges of each node that go to the right, less those that go
// to the left.
func (s *sketch) lean() map[string]int {
	out := map[string]int{}
	for i, p := range s.layout.Paths {
		for _, to := range p.Points {
			if dx := to.X - p.Points[0].X; dx != 0 {
				out[s.g.Edges[i].From] += cmp.Compare(dx, 0)
				break
			}
		}
	}
	return out
}

// sharedLabels gives the text that all edges of a node carry, by its id.
func sharedLabels(g *Graph) map[string]string {
	same := map[string]string{}
	for i := range g.Edges {
		e := &g.Edges[i]
		text := e.carries()
		if old, ok := same[e.From]; ok && old != text {
			text = ""
		}
		same[e.From] = text
	}
	return same
}
