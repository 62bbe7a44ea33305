// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounds of a pilot.
const (
	// DefaultPilotRows are the rows of each source that a pilot takes.
	DefaultPilotRows = 20_000
	// pilotBudget bounds the budget of each call of a pilot.
	pilotBudget = 5 * time.Second
	// pilotPart of the rows are those of the first of its two runs.
	pilotPart = 4
)

// Pilot is what a sample tells of a plan.
type Pilot struct {
	// Rows that were taken from each source, at most.
	Rows int64 `json:"rows"`
	// Wall is what the pilot took.
	Wall time.Duration `json:"wall_ns"`
	// Seconds are expected of the whole run; -1 when nobody knows.
	Seconds float64 `json:"seconds"`
	// Nodes in the order of the plan.
	Nodes []PilotNode `json:"nodes"`
}

// PilotNode is what is expected of one node. Numbers are -1 when nobody knows them.
type PilotNode struct {
	Name string `json:"name"`
	// Status is ok, failed or skipped; Reason says why it is not ok.
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
	// SampleRows went into the node, out of a source.
	SampleRows int64 `json:"sample_rows"`
	// RowsIn and RowsOut of the whole run, and Bytes of the table that the node
	// gives, or of the file of a sink.
	RowsIn  int64 `json:"rows_in"`
	RowsOut int64 `json:"rows_out"`
	Bytes   int64 `json:"bytes"`
	// Seconds of the node, in which it may wait for those that it reads from.
	Seconds float64 `json:"seconds"`
	// Memory is the peak of the plugin's process, in bytes, which the node may share.
	Memory int64 `json:"memory_bytes"`
}

// Pilot runs the plan on at most rows of each source, 0 for DefaultPilotRows, and
// extrapolates what the whole run would take: in a straight line through two runs of
// different length. A kernel that takes more than in proportion to its rows takes
// longer than it says. A call with a budget is expected to use it. Sinks of nodes
// replace those of the plan, by name; others are left out.
func (p *Plan) Pilot(ctx context.Context, kernels Kernels, o Options, rows int64, sinks map[string]*Sink) (*Pilot, error) {
	rows = orDefault(rows, DefaultPilotRows)
	o.Cache, o.Effects, o.Together, o.Keep = nil, nil, nil, KeepNone
	began := time.Now()
	var runs [2]*flight
	for i, n := range []int64{max(1, rows/pilotPart), rows} {
		f, err := p.fly(ctx, kernels, o, n, sinks)
		if err != nil {
			return nil, err
		}
		runs[i] = f
	}
	out := &Pilot{Rows: rows, Nodes: []PilotNode{}}
	e := &extrapolation{short: runs[0], long: runs[1], rows: map[string]int64{}, nodes: map[string]PilotNode{}}
	for _, n := range p.order {
		e.nodes[n.Name] = e.node(n)
	}
	for _, n := range p.nodes {
		out.Nodes = append(out.Nodes, e.nodes[n.Name])
	}
	out.Seconds = e.seconds(p)
	out.Wall = time.Since(began)
	return out, nil
}

// flight is one run of a sample.
type flight struct {
	result  *Result
	samples map[string]*sample
	// left out, and why.
	out map[string]string
}

// fly runs the plan on the beginning of each source.
func (p *Plan) fly(ctx context.Context, kernels Kernels, o Options, rows int64, sinks map[string]*Sink) (*flight, error) {
	f := &flight{samples: map[string]*sample{}, out: p.leftOut(sinks)}
	part := Pipeline{Name: p.Pipeline, Plugins: p.plugins, Batch: p.batch}
	for _, n := range p.nodes {
		if _, out := f.out[n.Name]; !out {
			part.Nodes = append(part.Nodes, n.tame(sinks))
		}
	}
	plan, problems := link(part)
	if plan == nil {
		return nil, problems[0] // the whole plan was linked
	}
	for _, n := range plan.nodes {
		whole := p.byName[n.Name]
		n.schema, n.rows, n.public.Checked = whole.schema, -1, whole.public.Checked
		if n.Kind == KindSource {
			f.samples[n.Name] = &sample{Source: whole.source, most: rows}
			n.source, n.rows = f.samples[n.Name], f.samples[n.Name].Rows()
		}
	}
	result, err := Run(ctx, plan, kernels, Events{}, o)
	result.Close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if _, stopped := errors.AsType[*Problem](err); err != nil && !stopped {
		return nil, err
	}
	f.result = result
	return f, nil
}

// tame is a node as a pilot runs it: a failure does not end the others, and a budget
// is short.
func (n *node) tame(sinks map[string]*Sink) Node {
	out := n.Node
	if out.OnFailure != Quarantine {
		out.OnFailure = Continue
	}
	if out.Budget > pilotBudget {
		out.Budget = pilotBudget
	}
	if out.Kind == KindSink {
		out.Sink = sinks[n.Name]
	}
	return out
}

// leftOut are the nodes that a pilot does not run, and why.
func (p *Plan) leftOut(sinks map[string]*Sink) map[string]string {
	out := map[string]string{}
	for _, n := range p.order {
		switch {
		case n.Kind == KindKernel && n.Description.GetUndoes():
			out[n.Name] = "it does something outside of its output"
		case n.Kind == KindSink && sinks[n.Name] == nil:
			out[n.Name] = "its file is not written by a pilot"
		}
		for _, in := range n.inputs() {
			if _, missing := out[in.Name]; missing {
				out[n.Name] = fmt.Sprintf("%s is left out", in.Name)
			}
		}
	}
	return out
}
