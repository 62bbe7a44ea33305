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
	if all && len(r.undos) > 0 {
		r.noteEffect(r.failed, Effects.Compensates)
	}
	for _, u := range slices.Backward(r.undos) {
		if !all && (r.failed != nil || u.node.OnFailure != Rollback) {
			continue
		}
		done := Undone{Node: u.node.Name, Problem: r.undo(u)}
		if done.Problem != nil {
			r.of(u.node).Problems = append(r.of(u.node).Problems, done.Problem)
		}
		r.noteEffect(u.node, func(e Effects) error { return e.TookBack(u.node.Name, done.Problem) })
		r.result.Undone = append(r.result.Undone, done)
	}
}

// undo takes back what one node did. The run may have been cancelled; this is
// done all the same, for a bounded time.
func (r *runner) undo(u *undoable) *Problem {
	began := time.Now()
	r.events.callStarted(u.node.Name, "undo", 1)
	err := r.step("undoing "+u.node.Name, func() error { return u.call(context.WithoutCancel(r.ctx), r.kernels, r.options.UndoTimeout) })
	r.called(r.of(u.node), "undo", 1, began, err)
	return notTakenBack(u.node.Name, err)
}

// call makes one call that takes something back.
func (u *undoable) call(ctx context.Context, kernels Kernels, limit time.Duration) error {
	ctx, stop := withLimit(ctx, limit, &LimitError{"Undo that takes too long", fmt.Sprintf("It did not end within %s.", limit)})
	defer stop()
	kernel, err := kernels.Open(ctx, u.node.Use.Plugin)
	if err != nil {
		return &startError{err}
	}
	diagnostics, err := kernel.Undo(ctx, u.open, u.token)
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

// notTakenBack is the problem of an undo that failed.
func notTakenBack(node string, err error) *Problem {
	if err == nil {
		return nil
	}
	why, ok := errors.AsType[*Problem](err)
	if !ok {
		why = callProblem(node, err)
	}
	return problemf(node, "Side effect that was not taken back", "%s: %s What it did outside of the pipeline is still there. Take it back by hand, or try again with `bulkhead runs undo` where the run was recorded.", why.Summary, why.Detail).because(err)
}

// called notes the time of a call.
func (r *runner) called(one *NodeResult, call string, attempt int, began time.Time, err error) {
	c := CallTime{Call: call, Attempt: attempt, Wall: time.Since(began)}
	if err != nil {
		c.Error = err.Error()
	}
	one.Calls = append(one.Calls, c)
	r.events.callEnded(one.Name, c)
}
