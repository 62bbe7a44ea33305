// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// Run executes a plan. There is always a result, which says what became of
// every node. The error is the *Problem that stopped the run, or the cause of
// ctx; it is nil when the run came to its end, with or without failed nodes
// whose policy is Continue.
func Run(ctx context.Context, plan *Plan, kernels Kernels, events Events, o Options) (*Result, error) {
	o = o.withDefaults()
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &runner{
		plan: plan, kernels: kernels, events: &notifier{to: events}, options: o, ledger: o.ledger(),
		parent: ctx, ctx: inner, cancel: cancel, messages: make(chan message),
		result: &Result{Pipeline: plan.Pipeline, StartedAt: time.Now()},
	}
	r.events.runStarted(plan)
	err := r.all()
	r.result.Wall = time.Since(r.result.StartedAt)
	r.result.PeakTableBytes, r.result.PeakSpillBytes = r.ledger.Peak()
	r.events.runEnded(r.result)
	return r.result, err
}

// runner is one execution of a plan. It starts segments whose input is there. All
// of it belongs to the goroutine of Run, unless it says otherwise; units work in
// goroutines of their own and report through messages.
type runner struct {
	plan    *Plan
	layout  *layout
	found   *findings
	kernels Kernels
	events  *notifier
	options Options
	ledger  *edge.Ledger

	parent context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc

	messages chan message
	flows    []*flow  // by the index of the node
	told     []bool   // that the node has ended
	segments []*tally // by segment number - 1
	ready    queue
	running  int // segments
	result   *Result
	failure  *Problem // of the node that stopped the run
	failed   *node
	undos    []*undoable // in the order in which they were done
	sinks    []openSink
}

// tally is what is left of a segment.
type tally struct {
	started bool
	left    int // units that have not ended
}

// message is what a unit tells the run: that the columns of its output are
// known, or that it has ended.
type message struct {
	unit   *unit
	opened *node
	ending ending
}

// ending says how a unit ended: at names the node of an error.
type ending struct {
	err  error
	at   *node
	sink SinkWriter // of a sink that was written
}

// all runs everything and returns what Run does.
func (r *runner) all() error {
	r.prepare()
	defer r.found.close()
	for {
		for r.running < r.options.Parallel && r.ctx.Err() == nil {
			s := r.ready.next()
			if s == nil {
				break
			}
			r.start(s)
		}
		if r.running == 0 {
			return r.finish()
		}
		r.hear(<-r.messages)
	}
}

// prepare makes the flows of all nodes, and ends those that do not run.
func (r *runner) prepare() {
	r.found = r.plan.lookUp(r.ctx, r.options)
	r.layout = r.plan.lay(r.options, r.found)
	for !r.found.pin(r.ctx, r.plan, r.layout, r.options) {
		r.layout = r.plan.lay(r.options, r.found)
	}
	r.segments = make([]*tally, len(r.layout.segments))
	for i, s := range r.layout.segments {
		r.segments[i] = &tally{left: len(s.units)}
	}
	r.flows, r.told = make([]*flow, len(r.plan.nodes)), make([]bool, len(r.plan.nodes))
	for _, n := range r.plan.nodes {
		r.result.Nodes = append(r.result.Nodes, &NodeResult{
			Name: n.Name, Kind: n.Kind, Use: n.Use.String(), Cache: r.layout.cached(n, r.options, r.found), CacheKey: KeyOf(n.cacheable),
		})
	}
	for _, note := range r.found.notes {
		at := r.of(r.plan.byName[note.Node])
		at.Problems = append(at.Problems, note)
	}
	for _, n := range r.plan.order {
		r.flows[n.index] = r.flow(n)
		if !r.layout.runs[n.index] {
			r.present(n)
		}
	}
	for _, s := range r.layout.segments {
		if r.startable(s.head()) {
			r.ready.add(s)
		}
	}
}

// of is the result of a node.
func (r *runner) of(n *node) *NodeResult { return r.result.Nodes[n.index] }

// present ends a node that does not run: a source that others read, or a hit of
// the cache.
func (r *runner) present(n *node) {
	one := r.of(n)
	f := r.flows[n.index]
	if n.Kind == KindSource {
		one.Attempts, one.StartedAt = 1, time.Now()
		one.RowsOut, one.BytesOut = n.source.Rows(), n.source.Bytes()
		f.table = n.source
		r.events.started(n.Name)
	} else {
		r.recall(n, one, f)
	}
	one.Status = OK
	r.settle(n)
	if one.RowsOut >= 0 || f.waiting == 0 { // else when it was read
		r.tellEnd(n)
	}
}

// tellEnd makes the event of a node that has ended, once.
func (r *runner) tellEnd(n *node) {
	if !r.told[n.index] {
		r.told[n.index] = true
		r.events.ended(r.of(n))
	}
}

// start lets all units of a segment go.
func (r *runner) start(s *segment) {
	r.running++
	r.segments[s.number-1].started = true
	for _, u := range s.units {
		for _, n := range u.nodes {
			r.of(n).StartedAt = time.Now()
			r.events.started(n.Name)
		}
		in := r.feed(u)
		go func() { r.messages <- message{unit: u, ending: r.work(u, in)} }()
	}
}

func (r *runner) hear(m message) {
	if m.opened != nil {
		r.early(m.opened)
		return
	}
	r.end(m.unit, m.ending)
	t := r.segments[m.unit.segment.number-1]
	if t.left--; t.left == 0 {
		r.running--
	}
}

// early offers the readers of a table that is being written.
func (r *runner) early(n *node) {
	for _, c := range n.consumers {
		u := r.layout.units[c.index]
		if u != nil && u.head() == c && !c.alone() && c.Kind != KindAB && !r.segments[u.segment.number-1].started {
			r.ready.offer(u.segment)
		}
	}
}
