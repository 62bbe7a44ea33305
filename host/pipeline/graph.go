// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"strings"
	"time"
)

// Format of a drawing.
type Format string

// Formats of Graph.
const (
	// Mermaid is a flowchart for Markdown.
	Mermaid Format = "mermaid"
	// DOT is for Graphviz.
	DOT Format = "dot"
	// Terminal is boxes of box-drawing characters, at most 80 columns wide.
	Terminal Format = "terminal"
)

// Graph draws a plan; with a result, each node also has its status, time and
// rows. Nil result is fine. The same plan and result give the same text.
func Graph(plan *Plan, result *Result, format Format) (string, error) {
	d := drawing{plan: plan, result: result}
	switch format {
	case Mermaid:
		return d.mermaid(), nil
	case DOT:
		return d.dot(), nil
	case Terminal:
		return d.terminal(), nil
	}
	return "", fmt.Errorf("unknown graph format %q: use %s, %s or %s", format, Mermaid, DOT, Terminal)
}

type drawing struct {
	plan   *Plan
	result *Result
}

// lines are the label of a node: its name, what it does, how it went.
func (d drawing) lines(n *PlannedNode) []string {
	what := n.Use
	if n.Kind == KindSource {
		what = n.Path
	}
	out := []string{n.Name, what}
	if d.result == nil {
		return append(out, planned(n)...)
	}
	if r := d.result.Node(n.Name); r != nil {
		out = append(out, ran(r)...)
	}
	return out
}

// planned tells what is known of a node before it runs.
func planned(n *PlannedNode) []string {
	if n.Kind == KindSource {
		return []string{fmt.Sprintf("%d rows, %d columns", n.Rows, len(n.Columns))}
	}
	var verbs []string
	if n.Fits {
		verbs = append(verbs, "fit")
	}
	if n.Transforms {
		verbs = append(verbs, "transform")
	}
	out := strings.Join(verbs, " + ")
	if n.Budget > 0 {
		out += ", budget " + n.Budget.String()
	}
	return []string{out}
}

// ran tells how a node went.
func ran(r *NodeResult) []string {
	status := string(r.Status)
	if r.StartedAt.IsZero() {
		return []string{status, r.Reason}
	}
	out := []string{status + ", " + shortTime(r.Wall)}
	switch {
	case r.Status != OK:
		out = append(out, r.Reason)
	case r.Kind == KindSource:
		out = append(out, fmt.Sprintf("%d rows", r.RowsOut))
	case r.Transform == nil:
		out = append(out, fmt.Sprintf("%d rows in", r.RowsIn))
	default:
		out = append(out, fmt.Sprintf("%d -> %d rows", r.RowsIn, r.RowsOut))
	}
	if r.RowsDropped > 0 {
		out = append(out, fmt.Sprintf("%d dropped", r.RowsDropped))
	}
	return out
}

// shortTime rounds to three digits or so.
func shortTime(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// edgeRows is the label of the edge into n, empty before a run.
func (d drawing) edgeRows(n *PlannedNode) string {
	if d.result == nil || len(n.Inputs) == 0 {
		return ""
	}
	if r := d.result.Node(n.Inputs[0]); r != nil && r.Status == OK {
		return fmt.Sprintf("%d rows", r.RowsOut)
	}
	return ""
}

// status of a node, empty before a run.
func (d drawing) status(name string) Status {
	if d.result == nil {
		return ""
	}
	if r := d.result.Node(name); r != nil {
		return r.Status
	}
	return ""
}
