// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"strings"
	"unicode"
)

// colours of statuses, background and border.
var colours = map[Status][2]string{
	OK:        {"#e6f4ea", "#137333"},
	Failed:    {"#fce8e6", "#c5221f"},
	Skipped:   {"#f1f3f4", "#5f6368"},
	Cancelled: {"#fef7e0", "#b06000"},
}

var statusOrder = []Status{OK, Failed, Skipped, Cancelled}

func (d drawing) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	// Ids are numbers: a node called "end" would break the chart.
	ids := d.ids()
	for _, n := range d.plan.Nodes {
		left, right := "[", "]"
		if n.Kind == KindSource {
			left, right = "[(", ")]"
		}
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", ids[n.Name], left, joinEscaped(d.lines(n), mermaidText, "<br/>"), right)
	}
	for _, n := range d.plan.Nodes {
		for _, in := range n.Inputs {
			arrow := "-->"
			if rows := d.edgeRows(n); rows != "" {
				arrow = "-->|" + mermaidText(rows) + "|"
			}
			fmt.Fprintf(&b, "  %s %s %s\n", ids[in], arrow, ids[n.Name])
		}
	}
	d.mermaidClasses(&b, ids)
	return b.String()
}

// mermaidClasses colours the nodes of a run.
func (d drawing) mermaidClasses(b *strings.Builder, ids map[string]string) {
	for _, s := range statusOrder {
		var members []string
		for _, n := range d.plan.Nodes {
			if d.status(n.Name) == s {
				members = append(members, ids[n.Name])
			}
		}
		if len(members) > 0 {
			fmt.Fprintf(b, "  classDef %s fill:%s,stroke:%s\n", s, colours[s][0], colours[s][1])
			fmt.Fprintf(b, "  class %s %s\n", strings.Join(members, ","), s)
		}
	}
}

func (d drawing) dot() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph \"%s\" {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n", dotText(d.plan.Pipeline))
	ids := d.ids()
	for _, n := range d.plan.Nodes {
		fmt.Fprintf(&b, "  %s [label=\"%s\"%s];\n", ids[n.Name], joinEscaped(d.lines(n), dotText, `\n`), d.dotStyle(n))
	}
	for _, n := range d.plan.Nodes {
		for _, in := range n.Inputs {
			label := ""
			if rows := d.edgeRows(n); rows != "" {
				label = fmt.Sprintf(" [label=\"%s\"]", dotText(rows))
			}
			fmt.Fprintf(&b, "  %s -> %s%s;\n", ids[in], ids[n.Name], label)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func (d drawing) dotStyle(n *PlannedNode) string {
	var style string
	if n.Kind == KindSource {
		style = ", shape=cylinder"
	}
	if c, ok := colours[d.status(n.Name)]; ok {
		style += fmt.Sprintf(", style=filled, fillcolor=\"%s\", color=\"%s\"", c[0], c[1])
	}
	return style
}

// ids names nodes n0, n1 and so on, in the order of the pipeline.
func (d drawing) ids() map[string]string {
	ids := map[string]string{}
	for i, n := range d.plan.Nodes {
		ids[n.Name] = fmt.Sprintf("n%d", i)
	}
	return ids
}

func joinEscaped(lines []string, escape func(string) string, separator string) string {
	var out []string
	for _, l := range lines {
		if l != "" {
			out = append(out, escape(l))
		}
	}
	return strings.Join(out, separator)
}

// mermaidText escapes everything that Mermaid or HTML could read as its own.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,:;_-+/=()", r) && r != ';' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

func dotText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(s))
}

// oneLine replaces control characters by spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
