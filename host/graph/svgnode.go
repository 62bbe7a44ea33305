// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"strings"
	"unicode"
)

// Sizes of a drawn node, in pixels.
const (
	nodeMin, nodeMax = 150, 250
	nodeInset        = 16
	nameLine         = 22
	textLine         = 15
	// maxLines bounds the lines below the name; the title of the node has all.
	maxLines = 6
)

// textWidth estimates the width of a text in pixels, with a font of the given
// size: no font is at hand, and a little too much does no harm.
func textWidth(s string, fontSize float64) (w float64) {
	for _, r := range s {
		switch {
		case runeColumns(r) == 0:
		case runeColumns(r) == 2:
			w += 1.02
		case strings.ContainsRune("iljtf.,:;'|!()[] ·", r):
			w += 0.38
		case strings.ContainsRune("mwMW@%—", r):
			w += 0.95
		case unicode.IsUpper(r):
			w += 0.7
		default:
			w += 0.6
		}
	}
	return w * fontSize
}

func nameWidth(s string) float64 { return textWidth(s, 13) * 1.04 }
func lineWidth(s string) float64 { return textWidth(s, 11) }

// shown are the lines below the name.
func (n *Node) shown() []string {
	lines := n.lines()
	if len(lines) > maxLines {
		lines = append(lines[:maxLines-1:maxLines-1], fmt.Sprintf("and %d more", len(lines)-maxLines+1))
	}
	return lines
}

func boxSize(n *Node) (width, height float64) {
	width = nameWidth(clean(n.label())) + 30
	lines := n.shown()
	for _, line := range lines {
		width = max(width, lineWidth(line))
	}
	width = min(max(width+2*nodeInset, nodeMin), nodeMax)
	return float64(int(width + 0.5)), 14 + nameLine + textLine*float64(len(lines))
}

func (s *sketch) node(i int) {
	n, box := &s.g.Nodes[i], s.layout.Boxes[i]
	fmt.Fprintf(s.b, "<g class=\"%s\" id=\"n%d\" data-at=\"%d %d\" role=\"img\" transform=\"translate(%s %s)\"><title>%s</title>",
		n.classes(), i, box.Layer, box.Place, px(box.X), px(box.Y), escaped(n.describe()))
	fmt.Fprintf(s.b, "<rect class=\"halo\" x=\"-4\" y=\"-4\" width=\"%s\" height=\"%s\" rx=\"11\"/><rect class=\"card\" width=\"%s\" height=\"%s\" rx=\"8\"/>",
		px(box.Width+8), px(box.Height+8), px(box.Width), px(box.Height))
	room := box.Width - 2*nodeInset
	if f, ok := s.hueOf[n.family()]; ok {
		fmt.Fprintf(s.b, "<rect class=\"hue%d\" x=\"0\" y=\"8\" width=\"5\" height=\"%s\"/>%s", f.Hue, px(box.Height-16), badge(f, box.Width-27, 7))
		room -= 16
	}
	if n.Critical {
		s.b.WriteString(`<path class="star" d="M-7 0l7 -7l7 7l-7 7z"/>`)
	}
	fmt.Fprintf(s.b, "<text class=\"name\" x=\"%d\" y=\"21\">%s</text>", nodeInset, escaped(fit(clean(n.label()), room, nameWidth)))
	for k, line := range n.shown() {
		fmt.Fprintf(s.b, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>", lineClass(n, line), nodeInset, nameLine+15+textLine*k, escaped(fit(line, box.Width-2*nodeInset+6, lineWidth)))
	}
	s.b.WriteString("</g>\n")
}

// classes of a node for the style.
func (n *Node) classes() string {
	out := "node"
	if n.Status != "" {
		out += " " + markOf(n.Status).class
	}
	if n.Kind == "source" || n.Kind == "sink" {
		out += " kind-" + n.Kind
	}
	if n.Critical {
		out += " critical"
	}
	return out
}

func lineClass(n *Node, line string) string {
	if line == clean(n.went()) {
		return "went"
	}
	return "detail"
}

// groups frames the nodes of a group where nothing else stands among them.
func (s *sketch) groups() {
	for _, c := range groupsOf(s.g)[1:] {
		frame, ok := s.frame(c.members)
		if !ok {
			continue
		}
		fmt.Fprintf(s.b, "<g><rect class=\"group\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"14\"/><text class=\"soft\" x=\"%s\" y=\"%s\">%s</text></g>\n",
			px(frame.X), px(frame.Y), px(frame.Width), px(frame.Height), px(frame.X+12), px(frame.Y-4), escaped(fit(c.name, max(frame.Width-24, 40), lineWidth)))
	}
}

// frame is the box around nodes, and whether it holds no other node.
func (s *sketch) frame(members []int) (Box, bool) {
	if len(members) < 2 {
		return Box{}, false
	}
	inside := make(map[int]bool, len(members))
	first := s.layout.Boxes[members[0]]
	left, top, right, bottom := first.X, first.Y, first.X, first.Y
	for _, i := range members {
		b := s.layout.Boxes[i]
		inside[i] = true
		left, top, right, bottom = min(left, b.X), min(top, b.Y), max(right, b.X+b.Width), max(bottom, b.Y+b.Height)
	}
	const pad = 10
	out := Box{X: left - pad, Y: top - pad, Width: right - left + 2*pad, Height: bottom - top + 2*pad}
	for i, b := range s.layout.Boxes {
		if !inside[i] && b.X < right+pad && b.X+b.Width > left-pad && b.Y < bottom+pad && b.Y+b.Height > top-pad {
			return out, false
		}
	}
	return out, true
}
