// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Keep says which tables a result keeps.
type Keep int

// KeepEnds keeps those that no node consumes; KeepAll every one, which takes
// the memory of all of them; KeepNone none.
const (
	KeepEnds Keep = iota
	KeepAll
	KeepNone
)

// Options of Run. The zero value is fine.
type Options struct {
	// Parallel bounds the nodes that run at the same time. Default: the number
	// of processors.
	Parallel int
	// MaxTableBytes bounds all tables in memory together. Default 2 GiB.
	MaxTableBytes int64
	Keep          Keep
	// Backoff is the wait before the first retry; it doubles with each one, up
	// to 30 s. Default 200 ms.
	Backoff time.Duration
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.MaxTableBytes <= 0 {
		o.MaxTableBytes = 2 << 30
	}
	if o.Backoff <= 0 {
		o.Backoff = 200 * time.Millisecond
	}
	return o
}

// Run executes a plan. There is always a result, which says what became of
// every node. The error is the *Problem that stopped the run, or the cause of
// ctx; it is nil when the run came to its end, with or without failed nodes
// whose policy is Continue.
func Run(ctx context.Context, plan *Plan, kernels Kernels, events Events, o Options) (*Result, error) {
	o = o.withDefaults()
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &scheduler{
		worker: worker{kernels: kernels, events: &notifier{to: events}, options: o, ledger: &ledger{max: o.MaxTableBytes}},
		plan:   plan, parent: ctx, ctx: inner, cancel: cancel,
		done: make(chan ending), states: map[*node]*state{},
		result: &Result{Pipeline: plan.Pipeline, StartedAt: time.Now()},
	}
	err := s.run()
	s.result.Wall = time.Since(s.result.StartedAt)
	s.result.PeakTableBytes = s.worker.ledger.peak
	return s.result, err
}

// scheduler starts nodes whose input is there. All of it belongs to the
// goroutine of Run; the nodes work in goroutines of their own and report
// through done.
type scheduler struct {
	worker  worker
	plan    *Plan
	parent  context.Context
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan ending
	states  map[*node]*state
	ready   []*node
	running int
	result  *Result
	failure *Problem // of a node whose policy is not Continue
}

// state of a node during a run.
type state struct {
	result  *NodeResult
	output  Table
	waiting int // consumers that have not ended
}

// ending is the message of a node that has ended.
type ending struct {
	node   *node
	output Table
}

func (s *scheduler) run() error {
	for _, n := range s.plan.nodes {
		r := &NodeResult{Name: n.Name, Kind: n.Kind, Use: n.Use.String()}
		s.states[n] = &state{result: r, waiting: len(n.consumers)}
		s.result.Nodes = append(s.result.Nodes, r)
		if n.input == nil {
			s.ready = append(s.ready, n)
		}
	}
	for {
		for len(s.ready) > 0 && s.running < s.worker.options.Parallel && s.ctx.Err() == nil {
			s.start(s.ready[0])
			s.ready = s.ready[1:]
		}
		if s.running == 0 {
			return s.finish()
		}
		s.end(<-s.done)
	}
}

func (s *scheduler) start(n *node) {
	r := s.states[n].result
	var input Table
	if n.input != nil {
		input = s.states[n.input].output
	}
	s.running++
	r.StartedAt = time.Now()
	s.worker.events.started(n.Name)
	go func() {
		output := s.worker.node(s.ctx, n, input, r)
		r.Wall = time.Since(r.StartedAt)
		s.done <- ending{n, output}
	}()
}

// end takes a node that has ended and decides what follows.
func (s *scheduler) end(e ending) {
	s.running--
	st := s.states[e.node]
	st.output = e.output
	switch st.result.Status {
	case OK:
		s.ready = append(s.ready, e.node.consumers...)
		slices.SortStableFunc(s.ready, s.order)
	case Failed:
		s.failed(e.node)
	}
	s.settle(e.node)
	s.worker.events.ended(st.result)
	s.consumed(e.node.input)
}

// order sorts as the pipeline is written.
func (s *scheduler) order(a, b *node) int {
	return slices.Index(s.plan.nodes, a) - slices.Index(s.plan.nodes, b)
}

// failed skips what depends on a node, or ends the run.
func (s *scheduler) failed(n *node) {
	if n.OnFailure == Continue {
		s.skip(n, fmt.Sprintf("%s failed", n.Name))
		return
	}
	if s.failure == nil {
		s.failure = s.states[n].result.failure()
		s.cancel(fmt.Errorf("%s failed", n.Name))
	}
}

// failure is the first error among the problems of a failed node.
func (n *NodeResult) failure() *Problem {
	for _, p := range n.Problems {
		if p.Severity == SeverityError {
			return p
		}
	}
	return problemf(n.Name, "Node that failed", "%s", n.Reason)
}

// skip marks everything behind n.
func (s *scheduler) skip(n *node, reason string) {
	for _, c := range n.consumers {
		if r := s.states[c].result; r.Status == "" {
			r.end(Skipped, reason)
			s.worker.events.ended(r)
		}
		s.skip(c, reason)
	}
}

// settle hands the output of an ended node to the result, or lets go of it.
func (s *scheduler) settle(n *node) {
	st := s.states[n]
	keep := s.worker.options.Keep
	if st.output == nil {
		return
	}
	if keep == KeepAll || keep == KeepEnds && len(n.consumers) == 0 {
		st.result.table = st.output
	} else if st.waiting == 0 {
		release(st.output)
		st.output = nil
	}
}

// consumed counts a consumer of n that has ended.
func (s *scheduler) consumed(n *node) {
	if n == nil {
		return
	}
	st := s.states[n]
	if st.waiting--; st.waiting == 0 {
		s.settle(n)
	}
}

// finish marks what never started and frees what nobody will take.
func (s *scheduler) finish() error {
	cause := context.Cause(s.ctx)
	for _, n := range s.plan.nodes {
		st := s.states[n]
		if st.result.Status == "" {
			st.result.end(unstarted(s.parent), cause.Error())
			s.worker.events.ended(st.result)
		}
		if st.result.table == nil {
			release(st.output)
		}
	}
	return s.conclude(cause)
}

// unstarted is the status of a node that the end of a run kept from starting.
func unstarted(parent context.Context) Status {
	if parent.Err() != nil {
		return Cancelled
	}
	return Skipped
}

// conclude sets the status of the whole run.
func (s *scheduler) conclude(cause error) error {
	r := s.result
	if s.failure != nil {
		r.Status, r.Reason = Failed, s.failure.Error()
		return s.failure
	}
	r.Status = OK
	for _, n := range r.Nodes {
		switch n.Status {
		case Cancelled:
			r.Status, r.Reason = Cancelled, cause.Error()
			return cause
		case Failed:
			r.Status, r.Reason = Partial, n.Name+" failed"
		}
	}
	return nil
}
