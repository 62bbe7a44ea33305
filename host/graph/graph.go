// SPDX-License-Identifier: Apache-2.0

// Package graph draws a pipeline as a picture or a text, before it runs and
// after.
//
// It knows no engine. A caller fills a Graph, marks its critical path with
// Critical, and writes it with Render:
//
//   - SVG: one file with its own style, for light and dark, with a title and a
//     description for screen readers;
//   - HTML: one page with that drawing, a search box, pan and zoom, the
//     critical path, and tables of the same facts. Its policy allows its own
//     style and its own script, by hash, and no connection;
//   - DOT and Mermaid: text for other programs;
//   - Terminal: boxes and lines that fit a width, and a list where they do not.
//
// The same graph and options always give the same bytes. Names come from
// strangers: every text is stripped of control and bidirectional characters
// and then escaped for its format.
//
// # Layout
//
// Arrange is a layered layout from top to bottom, in the manner of Sugiyama.
// Nodes are put in layers by longest path, then moved within their slack to
// where their edges get short. A layer holds at most Spacing.Widest nodes: a
// wider graph is layered anew by list scheduling, which puts a node under its
// inputs where it can, so that a thousand nodes side by side become a block.
// Edges that pass a layer get a slot in it. All edges out of one node share
// their slots, and so do those into one node, since the same table goes to
// every consumer. Layers are ordered by barycentres in a bounded number of
// sweeps, of which the one with the fewest crossings is kept. Slots get their
// horizontal places by the method of Brandes and Köpf (Fast and Simple
// Horizontal Coordinate Assignment, 2001).
//
// Between layers an edge is a curve that stays in the gap; through a layer it
// is a vertical line in its slot. So no edge runs through a node.
//
// A graph whose edges would take more than 60,000 slots gets the plain layout
// (Layout.Plain): an edge that passes layers then runs down in a channel
// beside the drawing. 10,000 nodes take seconds, whatever their edges are.
package graph

import (
	"fmt"
	"time"
)

// Graph is what is drawn. Edges may form a cycle, as a broken pipeline does;
// those that lead back are drawn from bottom to top.
type Graph struct {
	// Name of the pipeline.
	Name string
	// Subtitle says what is drawn: "plan", or the run and its outcome.
	Subtitle string
	Nodes    []Node
	Edges    []Edge
}

// Node is a source, a kernel or a sink.
type Node struct {
	// ID is unique in the graph and the word that edges use.
	ID string
	// Label is shown; the ID when it is empty.
	Label string
	// Detail is what it does: "data.prepare", or the path of a file.
	Detail string
	// Kind is "source", "kernel", "ab" or "sink".
	Kind string
	// Compartment colours a node: "data", "algorithms"; empty for none.
	Compartment string
	// Group is what it was made from: a module, or a for_each.
	Group string
	// Status is empty before a run; see the constants.
	Status string
	// Wall is the time that it took and CPU the processor time; 0 when they
	// are not known.
	Wall, CPU time.Duration
	// PeakBytes is the largest memory of its process in bytes, 0 when it is not
	// known.
	PeakBytes int64
	// Cache is "hit", "miss" or empty.
	Cache string
	// Notes are further facts of a line each, such as a reason of a failure.
	Notes []string
	// Critical is set by Critical.
	Critical bool
}

// Statuses that have a mark and a colour. Any other is shown as it is.
const (
	// OK ended well.
	OK = "ok"
	// Partial ended well but for a part.
	Partial = "partial"
	// Failed did not.
	Failed = "failed"
	// Skipped did not start, since something before it failed or it is off.
	Skipped = "skipped"
	// Cancelled was ended by a user or a deadline.
	Cancelled = "cancelled"
	// Running has not ended.
	Running = "running"
)

// Edge carries a table from one node to another.
type Edge struct {
	From, To string
	// Label is shown before the sizes; mostly empty.
	Label string
	// Rows and Bytes of the table, -1 when they are not known.
	Rows, Bytes int64
	// Critical is set by Critical.
	Critical bool
}

// Error says what is wrong with a graph.
type Error struct {
	// Graph is its name, Reason one sentence.
	Graph, Reason string
}

// Error names the graph and says what is wrong.
func (e *Error) Error() string {
	return fmt.Sprintf("the graph %q cannot be drawn: %s", e.Graph, e.Reason)
}

func (n *Node) label() string {
	if n.Label == "" {
		return n.ID
	}
	return n.Label
}

// index gives the numbers of nodes by their ids, and an *Error when ids repeat
// or an edge has no end.
func (g *Graph) index() (map[string]int, error) {
	byID := make(map[string]int, len(g.Nodes))
	for i := range g.Nodes {
		id := g.Nodes[i].ID
		if _, ok := byID[id]; ok {
			return nil, &Error{g.Name, fmt.Sprintf("two nodes have the id %q; give each its own", id)}
		}
		byID[id] = i
	}
	for _, e := range g.Edges {
		for _, id := range []string{e.From, e.To} {
			if _, ok := byID[id]; !ok {
				return nil, &Error{g.Name, fmt.Sprintf("an edge leads from %q to %q, and no node has the id %q", e.From, e.To, id)}
			}
		}
	}
	return byID, nil
}
