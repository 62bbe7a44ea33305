// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"strings"
)

//go:embed page/colours.css
var colourStyle string

//go:embed page/graph.css
var graphStyle string

// writeSVG writes a file that stands alone: with a title, a legend and a style.
func writeSVG(b *bytes.Buffer, g *Graph, _ Options) error {
	s, err := newSketch(b, g)
	if err != nil {
		return err
	}
	s.top = s.headHeight()
	width := max(s.layout.Width, minWidth)
	fmt.Fprintf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" viewBox=\"0 0 %s %s\" width=\"%s\" height=\"%s\" role=\"graphics-document\" aria-labelledby=\"graph-title graph-desc\" font-family=\"sans-serif\">\n",
		px(width), px(s.layout.Height+s.top), px(width), px(s.layout.Height+s.top))
	s.about()
	fmt.Fprintf(b, "<style>%s%s</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"var(--paper)\"/>\n", colourStyle, graphStyle)
	s.head()
	s.body()
	b.WriteString("</svg>\n")
	return nil
}

// minWidth gives room to the head of a small graph, in pixels.
const minWidth = 560

// sketch writes the drawing of a graph as SVG.
type sketch struct {
	b        *bytes.Buffer
	g        *Graph
	layout   *Layout
	families []family
	hueOf    map[string]family
	byID     map[string]int
	// leaning is what lean gives.
	leaning map[string]int
	// top is the height of what stands above the nodes, in pixels.
	top float64
}

func newSketch(b *bytes.Buffer, g *Graph) (*sketch, error) {
	layout, err := Arrange(g, boxSize, Spacing{Column: 26, Row: 58, Slot: 16, Margin: 24})
	if err != nil {
		return nil, err
	}
	byID, err := g.index()
	if err != nil {
		return nil, err
	}
	s := &sketch{b: b, g: g, layout: layout, families: families(g), hueOf: map[string]family{}, byID: byID}
	s.leaning = s.lean()
	for _, f := range s.families {
		s.hueOf[f.Name] = f
	}
	return s, nil
}

// px writes a length with one digit after the point where it needs one.
func px(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

// escaped is a text for XML: markup and characters that XML has not are gone.
func escaped(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(clean(s))); err != nil {
		return ""
	}
	return b.String()
}

// about is the name and the description for those who do not see.
func (s *sketch) about() {
	fmt.Fprintf(s.b, "<title id=\"graph-title\">%s</title>\n<desc id=\"graph-desc\">%s</desc>\n", escaped(title(s.g)), escaped(summary(s.g, s.layout)))
}

func title(g *Graph) string {
	if g.Name == "" {
		return "Pipeline"
	}
	return "Pipeline " + clean(g.Name)
}

// summary counts what is drawn and names the critical path.
func summary(g *Graph, l *Layout) string {
	out := plural(len(g.Nodes), "node") + ", " + plural(len(g.Edges), "edge") + " in " + plural(l.Layers, "layer") + "."
	if g.Subtitle != "" {
		out = clean(g.Subtitle) + ". " + out
	}
	if path := criticalOf(g); len(path) > 0 {
		var names []string
		for _, n := range path[:min(len(path), 50)] {
			names = append(names, clean(n.label()))
		}
		out += " Critical path: " + strings.Join(names, ", ") + "."
	}
	if l.Plain {
		out += " Edges over several layers run beside the drawing."
	}
	return out
}

// body draws edges, then nodes, then what edges carry.
func (s *sketch) body() {
	fmt.Fprintf(s.b, "<g class=\"drawing\" transform=\"translate(0 %s)\">\n", px(s.top))
	s.groups()
	for _, critical := range []bool{false, true} {
		for i := range s.g.Edges {
			if s.g.Edges[i].Critical == critical {
				s.edge(i)
			}
		}
	}
	for i := range s.g.Nodes {
		s.node(i)
	}
	s.labels()
	s.b.WriteString("</g>\n")
}

// headHeight is the room for title, subtitle and legend, in pixels.
func (s *sketch) headHeight() float64 {
	return 58 + 22*float64(len(s.legendLines()))
}

func (s *sketch) head() {
	fmt.Fprintf(s.b, "<text class=\"head\" x=\"24\" y=\"36\">%s</text>\n", escaped(title(s.g)))
	fmt.Fprintf(s.b, "<text class=\"soft\" x=\"24\" y=\"54\">%s</text>\n", escaped(s.counts()))
	for i, line := range s.legendLines() {
		x := 24.0
		for _, item := range line {
			fmt.Fprintf(s.b, "<g transform=\"translate(%s %s)\">%s<text x=\"26\" y=\"13\">%s</text></g>\n", px(x), px(float64(66+22*i)), item.picture, escaped(item.word))
			x += item.width()
		}
	}
}

func (s *sketch) counts() string {
	out := plural(len(s.g.Nodes), "node") + ", " + plural(len(s.g.Edges), "edge")
	if s.g.Subtitle != "" {
		out = clean(s.g.Subtitle) + " · " + out
	}
	return out
}

// legendItem is a small picture with its meaning.
type legendItem struct{ picture, word string }

func (i legendItem) width() float64 { return 44 + textWidth(i.word, 11) }

// legendLines break the legend where the drawing ends.
func (s *sketch) legendLines() (lines [][]legendItem) {
	room := 0.0
	for _, item := range s.legend() {
		if room -= item.width(); room < 0 {
			lines = append(lines, nil)
			room = max(s.layout.Width, minWidth) - 48 - item.width()
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], item)
	}
	return lines
}

func (s *sketch) legend() (items []legendItem) {
	for _, f := range s.families {
		items = append(items, legendItem{badge(f, 0, 0), f.Name})
	}
	if len(criticalOf(s.g)) > 0 {
		items = append(items, legendItem{`<path class="edge critical" d="M0 9H14"/><path class="star" d="M10 9l5 -5l5 5l-5 5z"/>`, "critical path"})
	}
	return items
}

// badge are the letters of a compartment on its colour.
func badge(f family, x, y float64) string {
	return fmt.Sprintf(`<rect class="hue%d" x="%s" y="%s" width="20" height="18" rx="4"/><text class="letters" x="%s" y="%s">%s</text>`,
		f.Hue, px(x), px(y), px(x+10), px(y+13), escaped(f.Letters))
}
