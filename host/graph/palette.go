// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mark shows a status: by a sign, a class of the style, and two colours for
// formats without a style. The word is always written beside it.
type mark struct{ sign, class, fill, stroke string }

var marks = map[string]mark{
	OK:        {"✓", "ok", "#e6f4ea", "#11652c"},
	Partial:   {"!", "warning", "#fef3dc", "#7d4a00"},
	Failed:    {"✗", "error", "#fce8e6", "#b3130f"},
	Skipped:   {"–", "skipped", "#f1f3f4", "#50565f"},
	Cancelled: {"■", "warning", "#fef3dc", "#7d4a00"},
	Running:   {"▶", "info", "#e3f0fb", "#0b5394"},
}

func markOf(status string) mark {
	if m, ok := marks[status]; ok {
		return m
	}
	return mark{sign: "·", class: "other", fill: "#ffffff", stroke: "#50565f"}
}

// family is a compartment as it is drawn: its colour is number Hue of the
// style, and its letters stand on the colour.
type family struct {
	Name, Letters string
	Hue           int
}

// hues is the number of colours in the style; more compartments share them and
// are told apart by their letters.
const hues = 8

// knownHues keep the colour of a compartment from picture to picture.
var knownHues = map[string]int{"data": 1, "infrastructure": 2, "algorithms": 3, "mlops": 4}

// families are the compartments of g in the order of their names, those of
// plain sources and sinks by their kind.
func families(g *Graph) []family {
	seen := map[string]bool{}
	var names []string
	for i := range g.Nodes {
		if name := g.Nodes[i].family(); name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	slices.Sort(names)
	letters := map[string]bool{}
	out := make([]family, len(names))
	next := len(knownHues)
	for i, name := range names {
		hue, ok := knownHues[name]
		if !ok {
			hue = next%hues + 1
			next++
		}
		out[i] = family{name, initials(name, letters), hue}
	}
	return out
}

func (n *Node) family() string {
	if c := clean(n.Compartment); c != "" {
		return c
	}
	return clean(n.Kind)
}

// initials are a letter of the name, or its first with a number, that no other
// has.
func initials(name string, taken map[string]bool) string {
	first, _ := utf8.DecodeRuneInString(name)
	try := string(unicode.ToUpper(first))
	if taken[try] && len(name) > 1 {
		runes := []rune(name)
		try = strings.ToUpper(string(runes[0])) + strings.ToLower(string(runes[1]))
	}
	base := try
	for i := 2; taken[try]; i++ {
		try = fmt.Sprintf("%s%d", base, i)
	}
	taken[try] = true
	return try
}
