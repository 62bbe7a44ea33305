// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
)

// end takes a unit that has ended and decides what follows.
func (r *runner) end(u *unit, e ending) {
	r.judge(u, e)
	last := u.last()
	r.flows[last.index].end(e.err == nil)
	if e.sink != nil {
		r.sinks = append(r.sinks, openSink{last, e.sink})
	}
	for _, n := range u.nodes {
		if one := r.of(n); one.undo != nil {
			r.undos = append(r.undos, one.undo)
		}
		if e.sink == nil { // a sink has ended when it is in place
			r.tellEnd(n)
		}
	}
	switch r.of(last).Status {
	case OK:
		r.advance(last)
	case Failed, Skipped:
		r.failedAt(u)
	}
	r.settle(last)
	r.consumed(u.head())
}

// advance lets the readers of a complete table go.
func (r *runner) advance(n *node) {
	for _, c := range n.consumers {
		if u := r.layout.units[c.index]; u != nil && u.head() == c && !r.segments[u.segment.number-1].started && r.startable(c) {
			r.ready.add(u.segment)
		}
	}
}

// startable reports whether all that a node reads is there. Of a comparison it may
// be arm b that failed, where that is tolerated.
func (r *runner) startable(n *node) bool {
	if r.of(n).Status != "" {
		return false // it was skipped
	}
	for _, in := range n.inputs() {
		status := r.of(in).Status
		if r.layout.runs[in.index] && status != OK && !(status == Failed && in.tolerated()) {
			return false
		}
	}
	return true
}

// failedAt skips what depends on a unit, or ends the run.
func (r *runner) failedAt(u *unit) {
	for _, n := range u.nodes {
		if r.of(n).Status == Failed && n.tolerated() {
			r.advance(n)
			return
		}
		if r.of(n).Status == Failed && n.OnFailure != Continue && r.failure == nil {
			r.failure, r.failed = r.of(n).failure(), n
			r.cancel(fmt.Errorf("%s failed", n.Name))
			return
		}
	}
	if r.ctx.Err() == nil {
		r.skip(u.last(), r.reason(u))
	}
}

// reason is why the consumers of a unit are skipped.
func (r *runner) reason(u *unit) string {
	for _, n := range u.nodes {
		if r.of(n).Status == Failed {
			return n.Name + " failed"
		}
	}
	return r.of(u.last()).Reason
}

// skip marks everything behind n that has not started; the rest ends by itself,
// since the table that it reads ends with an error.
func (r *runner) skip(n *node, reason string) {
	for _, c := range n.consumers {
		u := r.layout.units[c.index]
		if u == nil || r.segments[u.segment.number-1].started || r.of(c).Status != "" {
			continue
		}
		r.ready.drop(u.segment)
		r.of(c).end(Skipped, reason)
		r.tellEnd(c)
		r.consumed(c)
		r.skip(c, reason)
	}
}

// settle hands the table of an ended node to the result, or lets go of it.
func (r *runner) settle(n *node) {
	f, one := r.flows[n.index], r.of(n)
	if f.table == nil {
		return
	}
	if one.Status == OK && r.options.Keep.keeps(n) {
		one.table = f.table
	} else if f.waiting == 0 {
		release(f.table)
		f.table = nil
	}
}

// consumed counts c as a reader of its inputs that has ended.
func (r *runner) consumed(c *node) {
	for _, in := range c.inputs() {
		r.left(in)
	}
}

// left counts a reader of n that has ended.
func (r *runner) left(n *node) {
	f := r.flows[n.index]
	f.leave()
	if f.waiting > 0 {
		return
	}
	if one := r.of(n); n.Kind == KindSource && one.RowsOut < 0 && f.read.Load() >= 0 {
		one.RowsOut = f.read.Load()
	}
	if !r.layout.runs[n.index] {
		r.tellEnd(n)
	}
	r.settle(n)
}
