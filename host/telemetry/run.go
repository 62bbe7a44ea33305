// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"cmp"
	"sync"
	"time"
)

// Statuses of runs and nodes that mean success; any other is a failure, but
// Skipped and Cancelled.
const (
	statusOK        = "ok"
	statusPartial   = "partial"
	statusSkipped   = "skipped"
	statusCancelled = "cancelled"
)

// RunStart describes a run that begins.
type RunStart struct {
	// ID of the run in its record; any text. Empty chooses one.
	ID, Pipeline string
	// Inputs that are known already, for lineage.
	Inputs []Dataset
}

// NodeEnd tells what became of a node.
type NodeEnd struct {
	Name string
	// Use is "plugin.kernel"; empty for sources and sinks.
	Use string
	// Kind is "source", "kernel", "ab" or "sink".
	Kind string
	// Status is "ok", "failed", "skipped", "cancelled" or another word. Reason
	// of one other than ok, in a sentence.
	Status, Reason string
	Attempts       int
	// Cache is "hit", "miss" or empty.
	Cache                                      string
	RowsIn, RowsOut, RowsDropped, RowsRejected int64
	BytesIn, BytesOut                          int64
}

// RunEnd tells what became of a run.
type RunEnd struct {
	Status, Reason  string
	Inputs, Outputs []Dataset
}

// Run is what one run tells. Its methods may be called from any goroutine, do
// not wait, and do nothing on nil, so that they can be subscribed to the events
// of a run as they are.
type Run struct {
	t     *Telemetry
	start RunStart
	span  span

	mu    sync.Mutex
	nodes map[string]*span
}

// Start begins a run. Calls that are made through Run.Kernels from then on, as
// those of a plan, belong to it.
func (t *Telemetry) Start(start RunStart) *Run {
	if t == nil {
		return nil
	}
	r := &Run{t: t, start: start, nodes: map[string]*span{}}
	r.span = t.begin(t.parent, "run "+start.Pipeline, internal)
	if r.start.ID == "" {
		r.start.ID = r.TraceID()
	}
	r.span.texts[pipelineName], r.span.texts[runID] = start.Pipeline, r.start.ID
	t.metrics.move(runsRunning, 1, start.Pipeline)
	t.tellLineage(r.started())
	return r
}

// begin makes a span under parent.
func (t *Telemetry) begin(parent spanContext, name string, kind int) span {
	return span{spanContext: parent.under(), parent: parent.span, name: name, kind: kind, start: time.Now()}
}

// send queues a span that has ended.
func (t *Telemetry) send(s *span) {
	if t.spans != nil {
		t.spans.put(s.encode)
	}
}

// TraceID is the id of the trace of the run in hexadecimal, for a log or a
// record; empty on nil.
func (r *Run) TraceID() string {
	if r == nil {
		return ""
	}
	return r.span.traceparent()[3:35]
}

// Traceparent of the run, for a process that it starts outside of kernel calls.
func (r *Run) Traceparent() string {
	if r == nil {
		return ""
	}
	return r.span.traceparent()
}

// NodeStarted opens the span of a node.
func (r *Run) NodeStarted(name string) {
	if r == nil {
		return
	}
	s := r.t.begin(r.span.spanContext, "node "+name, internal)
	s.texts[nodeName], s.texts[pipelineName] = name, r.start.Pipeline
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes != nil {
		r.nodes[name] = &s
	}
}

// node is what calls of a node belong to: the run while the node has not
// started.
func (r *Run) node(name string) spanContext {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.nodes[name]; s != nil {
		return s.spanContext
	}
	return r.span.spanContext
}

// NodeEnded closes the span of a node and counts it. A node that never started
// is counted and has no span.
func (r *Run) NodeEnded(n NodeEnd) {
	if r == nil {
		return
	}
	r.mu.Lock()
	s := r.nodes[n.Name]
	delete(r.nodes, n.Name)
	r.mu.Unlock()
	if s != nil {
		s.end = time.Now()
	}
	r.count(n, s)
	if s == nil {
		return
	}
	s.texts[nodeUse], s.texts[nodeKind], s.texts[nodeStatus], s.texts[nodeCache] = n.Use, n.Kind, n.Status, n.Cache
	s.numbers[attempts] = int64(n.Attempts)
	s.numbers[rowsIn], s.numbers[rowsOut], s.numbers[rowsDropped], s.numbers[rowsRejected] = n.RowsIn, n.RowsOut, n.RowsDropped, n.RowsRejected
	s.numbers[bytesIn], s.numbers[bytesOut] = n.BytesIn, n.BytesOut
	s.judge(n.Status, n.Reason)
	r.t.send(s)
}

// judge gives a span the status of its work. What was skipped did not fail.
func (s *span) judge(status, why string) {
	switch status {
	case statusOK, statusSkipped, "":
	case statusPartial:
		s.texts[reason] = why
	default:
		s.fail(status, cmp.Or(why, status))
	}
}

func (r *Run) count(n NodeEnd, s *span) {
	m, pipeline := r.t.metrics, r.start.Pipeline
	m.add(nodesEnded, 1, pipeline, n.Name, n.Status)
	m.add(nodeAttempts, float64(n.Attempts), pipeline, n.Name)
	if s != nil {
		m.observe(nodeTime, s.end.Sub(s.start).Seconds(), pipeline, n.Name)
	}
	for _, of := range []struct {
		i         *instrument
		direction string
		n         int64
	}{
		{rowsMoved, "in", n.RowsIn}, {rowsMoved, "out", n.RowsOut}, {rowsMoved, "dropped", n.RowsDropped}, {rowsMoved, "rejected", n.RowsRejected},
		{bytesMoved, "in", n.BytesIn}, {bytesMoved, "out", n.BytesOut},
	} {
		m.add(of.i, float64(of.n), pipeline, n.Name, of.direction)
	}
	if n.Cache != "" {
		m.add(cacheUse, 1, pipeline, n.Name, n.Cache)
	}
}

// Ended closes the run. Nodes that did not end are closed as cancelled. Only
// the first call counts.
func (r *Run) Ended(end RunEnd) {
	if r == nil {
		return
	}
	r.mu.Lock()
	open := r.nodes
	ended := open == nil
	r.nodes = nil
	r.mu.Unlock()
	if ended {
		return
	}
	now := time.Now()
	for _, s := range open {
		s.end = now
		s.judge(statusCancelled, "the run ended before the node")
		r.t.send(s)
	}
	r.span.end, r.span.texts[runStatus] = now, end.Status
	r.span.judge(end.Status, end.Reason)
	r.t.send(&r.span)
	m, pipeline := r.t.metrics, r.start.Pipeline
	m.move(runsRunning, -1, pipeline)
	m.add(runsEnded, 1, pipeline, end.Status)
	m.observe(runTime, r.span.end.Sub(r.span.start).Seconds(), pipeline)
	r.t.tellLineage(r.finished(end))
}
