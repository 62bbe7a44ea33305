// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"fmt"
	"strings"
)

// writeDOT writes the language of Graphviz. Ids are numbers; names stand in
// quoted labels only.
func writeDOT(b *bytes.Buffer, g *Graph, _ Options) error {
	byID, err := g.index()
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "digraph \"%s\" {\n  rankdir=TB;\n  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", fillcolor=\"#ffffff\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n", dotText(g.Name))
	fmt.Fprintf(b, "  label=\"%s\";\n  labelloc=t;\n", dotText(strings.TrimSpace(g.Name+" "+g.Subtitle)))
	for _, group := range groupsOf(g) {
		indent := "  "
		if group.name != "" {
			fmt.Fprintf(b, "  subgraph cluster_%d {\n    label=\"%s\";\n", group.number, dotText(group.name))
			indent = "    "
		}
		for _, i := range group.members {
			fmt.Fprintf(b, "%sn%d [label=\"%s\"%s];\n", indent, i, joined(&g.Nodes[i], dotText, `\n`), dotStyle(&g.Nodes[i]))
		}
		if group.name != "" {
			b.WriteString("  }\n")
		}
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		fmt.Fprintf(b, "  n%d -> n%d%s;\n", byID[e.From], byID[e.To], dotEdge(e))
	}
	b.WriteString("}\n")
	return nil
}

// joined are the lines of a node, escaped.
func joined(n *Node, escape func(string) string, separator string) string {
	head := clean(n.label())
	if c := clean(n.Compartment); c != "" {
		head += " (" + c + ")"
	}
	if n.Critical {
		head = "◆ " + head
	}
	out := []string{escape(head)}
	for _, line := range n.lines() {
		out = append(out, escape(line))
	}
	return strings.Join(out, separator)
}

func dotStyle(n *Node) string {
	var style string
	switch n.Kind {
	case "source":
		style = ", shape=cylinder, style=filled"
	case "sink":
		style = ", shape=folder, style=filled"
	}
	if n.Status != "" {
		m := markOf(n.Status)
		style += fmt.Sprintf(", fillcolor=\"%s\", color=\"%s\", fontcolor=\"#16191d\"", m.fill, m.stroke)
	}
	if n.Critical {
		style += ", penwidth=3"
	}
	return style
}

func dotEdge(e *Edge) string {
	var attributes []string
	if label := e.carries(); label != "" {
		attributes = append(attributes, fmt.Sprintf("label=\"%s\"", dotText(label)))
	}
	if e.Critical {
		attributes = append(attributes, "penwidth=3")
	}
	if len(attributes) == 0 {
		return ""
	}
	return " [" + strings.Join(attributes, ", ") + "]"
}

// dotText escapes a text for a quoted string, in which Graphviz also reads
// HTML entities.
func dotText(s string) string { return dotEscaper.Replace(clean(s)) }

var dotEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;")

// cluster is a group with the numbers of its nodes; the one without a name
// comes first.
type cluster struct {
	name    string
	number  int
	members []int
}

// groupsOf parts the nodes by group, in the order in which groups appear.
func groupsOf(g *Graph) []cluster {
	out := []cluster{{}}
	at := map[string]int{"": 0}
	for i := range g.Nodes {
		name := clean(g.Nodes[i].Group)
		k, ok := at[name]
		if !ok {
			k = len(out)
			at[name] = k
			out = append(out, cluster{name: name, number: k})
		}
		out[k].members = append(out[k].members, i)
	}
	return out
}
