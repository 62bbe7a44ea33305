// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/graph"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// graphFlags are those of `bulkhead graph`.
type graphFlags struct {
	pipeline, as, run string
}

func (a *app) graphCmd() *cobra.Command {
	var f graphFlags
	cmd := &cobra.Command{
		Use:   "graph [PATH...]",
		Short: "Draw a pipeline or a run as text, HTML, SVG, Mermaid or DOT",
		Long: "Graph draws the pipeline as it is planned, or with --run as it went: rows and\n" +
			"bytes on the edges, time, memory, cache and status on the nodes, and the chain\n" +
			"of nodes that took longest. HTML and SVG are one file that loads nothing.",
		Example: "  bulkhead graph\n  bulkhead graph --run 5f3c9a1e --as html --output run.html",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.graph(cmd.Context(), args, f) },
	}
	cmd.Flags().StringVar(&f.pipeline, "pipeline", "", "`name` of the pipeline, when there are several")
	cmd.Flags().StringVar(&f.as, "as", string(graph.Terminal), "`kind` of drawing: "+strings.Join(drawings(), ", "))
	cmd.Flags().StringVar(&f.run, "run", "", "draw a recorded `run`, by its id or the beginning of it")
	return cmd
}

func drawings() (out []string) {
	for _, f := range graph.Formats() {
		out = append(out, string(f))
	}
	return out
}

func (a *app) graph(ctx context.Context, paths []string, f graphFlags) error {
	if !slices.Contains(drawings(), f.as) {
		return misuse("--as %q is not one of %s", f.as, strings.Join(drawings(), ", "))
	}
	if f.run != "" && len(paths)+len(f.pipeline) > 0 {
		return misuse("--run draws a record; it goes with neither paths nor --pipeline")
	}
	g, err := a.graphOf(ctx, paths, f)
	if err != nil {
		return err
	}
	if _, err := graph.Critical(g); err != nil {
		return failed("The pipeline cannot be drawn", err)
	}
	opt := a.textOptions(a.stdout)
	var out bytes.Buffer
	if err := graph.Render(&out, g, graph.Format(f.as), graph.Options{Width: opt.Width, ASCII: opt.ASCII, Version: version.Version}); err != nil {
		return failed("The pipeline cannot be drawn", err)
	}
	return a.result(drawing{SchemaVersion: report.SchemaVersion, Format: f.as, Graph: out.String()})
}

// graphOf is the graph of a record, or of a plan.
func (a *app) graphOf(ctx context.Context, paths []string, f graphFlags) (_ *graph.Graph, err error) {
	if f.run != "" {
		store, err := runStore()
		if err != nil {
			return nil, err
		}
		record, err := store.Get(f.run)
		if err != nil {
			return nil, runError(err)
		}
		return recordGraph(record), nil
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	defer func() { err = a.cutShort(ctx, err) }()
	w, err := a.openPipeline(ctx, paths, f.pipeline, nil)
	if err != nil {
		return nil, err
	}
	defer w.session.close()
	options, err := w.options(pipeline.KeepNone, cacheAsConfigured)
	if err != nil {
		return nil, err
	}
	plan, err := w.plan(ctx, options)
	if err != nil {
		return nil, err
	}
	return w.planGraph(plan), nil
}

// planGraph is what would run.
func (w *work) planGraph(plan *pipeline.Plan) *graph.Graph {
	g := &graph.Graph{Name: plan.Pipeline, Subtitle: "plan"}
	for _, n := range plan.Nodes {
		one := graph.Node{ID: n.Name, Detail: n.Use, Kind: string(n.Kind), Compartment: n.Compartment, Group: w.groupOf(n.Name)}
		switch {
		case n.Kind == pipeline.KindAB:
			one.Detail = splitText(n.AB)
		case n.Kind != pipeline.KindKernel:
			one.Detail = n.Path
		case n.Arm != nil:
			one.Notes = append(one.Notes, armText(n.Arm))
		}
		if n.Cache == pipeline.CacheHit {
			one.Cache = string(n.Cache)
		}
		if n.Kind == pipeline.KindSource && n.Rows >= 0 {
			one.Notes = append(one.Notes, count(int(n.Rows), "row", "rows")+", "+count(len(n.Columns), "column", "columns"))
		}
		g.Nodes = append(g.Nodes, one)
	}
	for _, e := range plan.Edges {
		g.Edges = append(g.Edges, graph.Edge{From: e.From, To: e.To, Rows: -1, Bytes: -1})
	}
	return g
}

// groupOf is the module or the block with for_each that a node comes from.
func (w *work) groupOf(node string) string {
	kind, name, _ := strings.Cut(node, ".")
	if kind == "ab" {
		return w.abGroup(name)
	}
	if k, ok := w.block.Kernel(name); ok && kind == "kernel" {
		switch {
		case k.Origin.Module != "":
			return "module." + k.Origin.Module
		case k.Origin.Key != "":
			return "kernel." + k.Origin.Block
		}
	}
	return ""
}

// recordGraph is what ran.
func recordGraph(r *runs.Record) *graph.Graph {
	g := &graph.Graph{Name: r.Pipeline, Subtitle: fmt.Sprintf("run %s, %s, %s", r.Short(), r.Status, r.StartedAt.Local().Format("2006-01-02 15:04:05"))}
	for _, n := range r.Nodes {
		one := graph.Node{
			ID: n.Name, Detail: n.Use, Kind: n.Kind, Status: string(n.Status), Wall: n.Wall, CPU: n.CPU, PeakBytes: n.PeakRSSBytes, Cache: n.Cache,
		}
		if n.Kind == "kernel" {
			one.Compartment = n.Plugin
		}
		if n.Reason != "" {
			one.Notes = append(one.Notes, n.Reason)
		}
		if lost := n.RowsDropped + n.RowsRejected; lost > 0 {
			one.Notes = append(one.Notes, fmt.Sprintf("%d rows dropped, %d rejected", n.RowsDropped, n.RowsRejected))
		}
		g.Nodes = append(g.Nodes, one)
		for _, from := range n.Inputs {
			e := graph.Edge{From: from, To: n.Name, Rows: n.RowsIn, Bytes: n.BytesIn / readings(&n)}
			if in := r.Node(from); in != nil && len(n.Inputs) > 1 {
				e.Rows, e.Bytes = in.RowsOut, in.BytesOut
			}
			g.Edges = append(g.Edges, e)
		}
	}
	return g
}

// readings is how often a node has read its input: its bytes are those of all calls.
func readings(n *runs.Node) int64 {
	if n.Status != runs.OK {
		return 1
	}
	read := slices.DeleteFunc(slices.Clone(n.Calls), func(l runs.Latency) bool { return l.Method != "fit" && l.Method != "transform" })
	return int64(max(1, len(read)))
}

// drawing is what `bulkhead graph` prints.
type drawing struct {
	SchemaVersion string `json:"schema_version"`
	Format        string `json:"format"`
	Graph         string `json:"graph"`
}

// WriteJSON writes the drawing as one JSON document.
func (d drawing) WriteJSON(w io.Writer) error { return writeJSON(w, d) }

// WriteText writes the drawing itself, which is clean.
func (d drawing) WriteText(w io.Writer, _ report.Options) error {
	_, err := io.WriteString(w, strings.TrimRight(d.Graph, "\n")+"\n")
	return err
}
