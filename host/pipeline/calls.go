// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// kernels validates, fits and transforms.
func (w *worker) kernels(ctx context.Context) (*node, error) {
	n := w.unit.head()
	open, err := w.columns(ctx)
	if err != nil {
		return n, err
	}
	kernel, err := w.run.kernels.Open(ctx, n.Use.Plugin)
	if err != nil {
		return n, &startError{err}
	}
	c := &calls{worker: w, node: n, kernel: kernel, open: open, result: w.run.of(n), output: n.schema}
	if err := c.validate(ctx); err != nil {
		return n, err
	}
	if n.fits() {
		if err := c.fit(ctx); err != nil {
			return n, err
		}
	}
	if !n.transforms() {
		return n, w.run.remember(ctx, n)
	}
	return c.transform(ctx)
}

// calls are the calls of one attempt.
type calls struct {
	*worker
	node   *node
	kernel dataplane.Kernel
	open   dataplane.Open
	result *NodeResult
	output *arrow.Schema // that the kernel promised, nil when it did not
}

// budgeted limits one call to the budget and its grace.
func (c *calls) budgeted(ctx context.Context, call string) (context.Context, func()) {
	if c.node.Budget == 0 {
		return ctx, func() {}
	}
	return withLimit(ctx, c.node.Budget+BudgetGrace, &LimitError{"Kernel past its budget",
		fmt.Sprintf("Its %s did not end within the budget of %s and %s of grace, so the host ended it. Raise the budget, or report the kernel: it should have returned the best it had.", call, c.node.Budget, BudgetGrace)})
}

// timed makes one call and notes how long it took.
func (c *calls) timed(ctx context.Context, call string, do func(ctx context.Context) error) error {
	ctx, stop := c.budgeted(ctx, call)
	defer stop()
	began := time.Now()
	c.run.events.callStarted(c.node.Name, call, c.attempt)
	err := do(ctx)
	c.run.called(c.result, call, c.attempt, began, err)
	return err
}

// validate asks a kernel whose input was not known when the plan was made.
func (c *calls) validate(ctx context.Context) error {
	if c.node.public.Checked == CheckedNow {
		return nil
	}
	return c.timed(ctx, "validate", func(ctx context.Context) error {
		verdict, err := c.kernel.Validate(ctx, c.open)
		if err != nil {
			return err
		}
		c.output = verdict.Output
		c.result.Problems = append(c.result.Problems, fromDiagnostics(c.node.Name, verdict.Diagnostics)...)
		return refused(c.result)
	})
}

// refused tells whether a kernel has said no.
func refused(one *NodeResult) error {
	if HasErrors(one.Problems) {
		return errRefused
	}
	return nil
}

// fit learns, unless the cache has what was learnt.
func (c *calls) fit(ctx context.Context) error {
	if c.run.recallFit(ctx, c.node, c.result) {
		return nil
	}
	var state []byte
	err := c.timed(ctx, "fit", func(ctx context.Context) error {
		var outcome *dataplane.Outcome
		var err error
		g := c.gauge("fit")
		state, outcome, err = c.kernel.Fit(ctx, c.open, c.watched(ctx, g), func(p dataplane.Progress) { c.tell(g.hear(p)) })
		if err != nil {
			return err
		}
		c.result.Fit = c.result.add(outcome)
		return refused(c.result)
	})
	if err != nil {
		return err
	}
	c.result.learn(state)
	return c.run.rememberFit(ctx, c.node, c.result)
}

func (c *calls) transform(ctx context.Context) (*node, error) {
	out := c.run.outlet(ctx, c.unit, c.output)
	defer out.drop()
	open := c.open
	if c.in.arm != nil {
		out.numbers = &rowFinder{rows: c.in.arm}
	}
	for _, n := range c.unit.nodes[1:] {
		open.Then = append(open.Then, dataplane.Stage{Node: n.Name, Kernel: n.Use.Kernel, Config: n.Config, Seed: n.Seed})
	}
	open.Output, open.Into = out.flow.shared, out.flow.pool
	if out.numbers != nil {
		open.Output = nil // the table has one more column
	}
	var outcome *dataplane.Outcome
	err := c.timed(ctx, "transform", func(ctx context.Context) (err error) {
		outcome, err = c.kernel.Transform(ctx, open, c.result.State, c.watched(ctx, c.gauge("transform")), out.takes())
		return err
	})
	if err != nil {
		return c.node, err
	}
	if outcome.UndoToken != nil {
		c.did(c.result, &undoable{c.node, c.node.open(c.open.Schema), outcome.UndoToken})
	}
	if at, err := c.account(outcome, out); err != nil {
		return at, err
	}
	if err := out.finish(); err != nil {
		return c.unit.last(), err
	}
	return c.node, nil
}
