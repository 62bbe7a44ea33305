// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// writeMermaid writes a flowchart for Markdown. Ids are numbers: a node called
// "end" would break the chart.
func writeMermaid(b *bytes.Buffer, g *Graph, _ Options) error {
	byID, err := g.index()
	if err != nil {
		return err
	}
	b.WriteString("flowchart TD\n")
	if title := clean(g.Name + " " + g.Subtitle); title != "" {
		fmt.Fprintf(b, "  accTitle: %s\n", mermaidText(title))
	}
	for _, group := range groupsOf(g) {
		indent := "  "
		if group.name != "" {
			fmt.Fprintf(b, "  subgraph g%d[\"%s\"]\n", group.number, mermaidText(group.name))
			indent = "    "
		}
		for _, i := range group.members {
			left, right := mermaidShape(g.Nodes[i].Kind)
			fmt.Fprintf(b, "%sn%d%s\"%s\"%s\n", indent, i, left, joined(&g.Nodes[i], mermaidText, "<br/>"), right)
		}
		if group.name != "" {
			b.WriteString("  end\n")
		}
	}
	mermaidEdges(b, g, byID)
	mermaidClasses(b, g)
	return nil
}

func mermaidShape(kind string) (left, right string) {
	switch kind {
	case "source":
		return "[(", ")]"
	case "sink":
		return "[/", "/]"
	}
	return "[", "]"
}

func mermaidEdges(b *bytes.Buffer, g *Graph, byID map[string]int) {
	for i := range g.Edges {
		e := &g.Edges[i]
		arrow := "-->"
		if e.Critical {
			arrow = "==>"
		}
		if label := e.carries(); label != "" {
			arrow += "|\"" + mermaidText(label) + "\"|"
		}
		fmt.Fprintf(b, "  n%d %s n%d\n", byID[e.From], arrow, byID[e.To])
	}
}

// mermaidClasses colours the nodes of a run.
func mermaidClasses(b *bytes.Buffer, g *Graph) {
	for _, status := range []string{OK, Partial, Failed, Skipped, Cancelled, Running} {
		var members []string
		for i := range g.Nodes {
			if g.Nodes[i].Status == status {
				members = append(members, fmt.Sprintf("n%d", i))
			}
		}
		if len(members) > 0 {
			m := markOf(status)
			fmt.Fprintf(b, "  classDef %s fill:%s,stroke:%s,color:#16191d\n  class %s %s\n", status, m.fill, m.stroke, strings.Join(members, ","), status)
		}
	}
}

// mermaidText escapes everything that Mermaid, Markdown or HTML could read as
// its own: a letter, a digit or a mark that belongs to one stays.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		if unicode.In(r, unicode.L, unicode.N, unicode.M) || strings.ContainsRune(" .,:_-+/=()·◆✓✗–…µ", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
