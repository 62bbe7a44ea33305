// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
)

// errRefused means that the kernel refused a call; the result says why.
var errRefused = errors.New("the kernel refused the call")

// judge sets the status of the nodes of a unit that has ended.
func (r *runner) judge(u *unit, e ending) {
	if e.err == nil {
		for _, n := range u.nodes {
			r.of(n).Status = OK
		}
		return
	}
	if status, reason := r.others(u, e.err); status != "" {
		for _, n := range u.nodes {
			r.of(n).end(status, reason)
		}
		return
	}
	r.blame(u, e)
}

// others tells whether a unit ended through no fault of its own: its input
// failed, or the run was ended.
func (r *runner) others(u *unit, err error) (Status, string) {
	if up, ok := errors.AsType[*upstreamError](err); ok {
		return Skipped, up.reason
	}
	if r.ctx.Err() == nil {
		return "", ""
	}
	if in := u.head().input; in != nil {
		switch up := r.of(in); up.Status {
		case Failed:
			return Skipped, in.Name + " failed"
		case Skipped:
			return Skipped, up.Reason
		}
	}
	return Cancelled, causeText(context.Cause(r.ctx))
}

// blame marks the node at which a unit failed. Fused nodes before it have done
// their work, those behind it have not.
func (r *runner) blame(u *unit, e ending) {
	before := true
	for _, n := range u.nodes {
		one := r.of(n)
		switch {
		case n == e.at:
			before = false
			if !errors.Is(e.err, errRefused) {
				one.Problems = append(one.Problems, callProblem(n.Name, e.err))
			}
			one.end(Failed, one.failure().Summary)
		case before:
			one.Status = OK
		default:
			one.end(Skipped, e.at.Name+" failed")
		}
	}
}

// finish marks what never started, puts the sinks in place or takes back what
// was done, and frees what nobody will take.
func (r *runner) finish() error {
	cause := context.Cause(r.ctx)
	for _, n := range r.plan.nodes {
		if one := r.of(n); one.Status == "" {
			one.end(unstarted(r.parent), causeText(cause))
		}
	}
	if r.ended() {
		r.commit()
	}
	r.abort()
	r.compensate()
	r.tellEdges()
	for _, n := range r.plan.nodes {
		r.tellEnd(n)
		if f := r.flows[n.index]; f.table != nil && r.of(n).table == nil {
			release(f.table)
		}
	}
	return r.conclude(cause)
}

// causeText says why a run was ended. What the caller gave no reason for is said in
// the words of people.
func causeText(cause error) string {
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		return "the time of the run was up"
	case errors.Is(cause, context.Canceled):
		return "the run was cancelled"
	}
	return fmt.Sprint(cause)
}

// unstarted is the status of a node that the end of a run kept from starting.
func unstarted(parent context.Context) Status {
	if parent.Err() != nil {
		return Cancelled
	}
	return Skipped
}

// ended reports whether the run came to its end.
func (r *runner) ended() bool {
	if r.failure != nil {
		return false
	}
	for _, one := range r.result.Nodes {
		if one.Status == Cancelled {
			return false
		}
	}
	return true
}

// tellEdges puts into the result what went over each edge.
func (r *runner) tellEdges() {
	r.result.Edges = []EdgeResult{}
	for _, n := range r.plan.nodes {
		for _, in := range n.inputs() {
			r.result.Edges = append(r.result.Edges, r.edge(in, n))
		}
	}
}

func (r *runner) edge(in, n *node) EdgeResult {
	f, from := r.flows[in.index], r.of(in)
	out := EdgeResult{From: in.Name, To: n.Name, Kind: f.kind, Rows: f.moved.Rows, Bytes: f.moved.Bytes}
	switch {
	case f.spilled:
		out.Kind = EdgeSpilled
	case f.kind == EdgeFile:
		out.Rows, out.Bytes = from.RowsOut, from.BytesOut
	case f.edge == nil && from.Status == OK:
		out.Rows, out.Bytes = from.RowsOut, -1
	case f.edge == nil:
		out.Rows, out.Bytes = -1, -1
	}
	return out
}

// conclude sets the status of the whole run.
func (r *runner) conclude(cause error) error {
	out := r.result
	if r.failure != nil {
		out.Status, out.Reason = Failed, r.failure.Error()
		return r.failure
	}
	out.Status = OK
	for i, n := range out.Nodes {
		switch {
		case n.Status == Cancelled:
			out.Status, out.Reason = Cancelled, causeText(cause)
			return cause
		case n.Status == Failed && !r.plan.nodes[i].tolerated():
			out.Status, out.Reason = Partial, n.Name+" failed"
		}
	}
	return nil
}
