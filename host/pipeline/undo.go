// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// undoable is what a node did outside of its output.
type undoable struct {
	node  *node
	open  dataplane.Open
	token []byte
}

// compensate takes back what was done outside, the last thing first: everything
// when the node that failed asks for it, and after a cancelled run what nodes
// did that ask for it.
func (r *runner) compensate() {
	if r.ended() {
		return
	}
	all := r.failed != nil && r.failed.OnFailure == Rollback
	for _, u := range slices.Backward(r.undos) {
		if !all && (r.failed != nil || u.node.OnFailure != Rollback) {
			continue
		}
		done := Undone{Node: u.node.Name, Problem: r.undo(u)}
		if done.Problem != nil {
			r.of(u.node).Problems = append(r.of(u.node).Problems, done.Problem)
		}
		r.result.Undone = append(r.result.Undone, done)
	}
}

// undo takes back what one node did. The run may have been cancelled; this is
// done all the same, for a bounded time.
func (r *runner) undo(u *undoable) *Problem {
	err := r.step("undoing "+u.node.Name, func() error { return r.callUndo(u) })
	if err == nil {
		return nil
	}
	detail := "What it did outside of the pipeline is still there; take it back by hand."
	var why *Problem
	if p, ok := errors.AsType[*Problem](err); ok {
		why = p
	} else {
		why = callProblem(u.node.Name, err)
	}
	return problemf(u.node.Name, "Side effect that was not taken back", "%s: %s %s", why.Summary, why.Detail, detail).because(err)
}

func (r *runner) callUndo(u *undoable) error {
	ctx, stop := withLimit(context.WithoutCancel(r.ctx), r.options.UndoTimeout, &LimitError{"Undo that takes too long",
		fmt.Sprintf("It did not end within %s.", r.options.UndoTimeout)})
	defer stop()
	kernel, err := r.kernels.Open(ctx, u.node.Use.Plugin)
	if err != nil {
		return &startError{err}
	}
	began := time.Now()
	r.events.callStarted(u.node.Name, "undo", 1)
	diagnostics, err := kernel.Undo(ctx, u.open, u.token)
	r.called(r.of(u.node), "undo", began, err)
	if err != nil {
		return err
	}
	for _, p := range fromDiagnostics(u.node.Name, diagnostics) {
		if p.Severity == SeverityError {
			return p
		}
	}
	return nil
}

// called notes the time of a call.
func (r *runner) called(one *NodeResult, call string, began time.Time, err error) {
	c := CallTime{Call: call, Wall: time.Since(began)}
	if err != nil {
		c.Error = err.Error()
	}
	one.Calls = append(one.Calls, c)
	r.events.callEnded(one.Name, c)
}
