// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// maxBackoff bounds the wait between two attempts.
const maxBackoff = 30 * time.Second

// worker runs single nodes.
type worker struct {
	kernels Kernels
	events  *notifier
	options Options
	ledger  *ledger
}

// node runs one node to its end, fills in its result and returns its output.
func (w *worker) node(ctx context.Context, n *node, input Table, r *NodeResult) Table {
	limited, stop := withLimit(ctx, n.Timeout, &LimitError{"Node that takes too long",
		fmt.Sprintf("It did not end within its timeout of %s. Raise the timeout, or give the kernel a budget.", n.Timeout)})
	defer stop()
	var output Table
	var err error
	if n.Kind == KindSource {
		output, err = w.source(limited, n, r)
	} else {
		output, err = w.attempts(limited, n, input, r)
	}
	if err == nil {
		r.Status = OK
		return output
	}
	release(output)
	if ctx.Err() != nil {
		r.end(Cancelled, context.Cause(ctx).Error())
		return nil
	}
	if !errors.Is(err, errRefused) {
		r.Problems = append(r.Problems, callProblem(n.Name, err))
	}
	p := r.failure()
	r.end(Failed, p.Summary)
	return nil
}

// errRefused means that the kernel refused a call; the result says why.
var errRefused = errors.New("the kernel refused the call")

// withLimit cancels with cause after d; 0 is no limit. The plugin is not told
// of it through the connection, so the host alone decides who was too slow.
func withLimit(ctx context.Context, d time.Duration, cause error) (context.Context, func()) {
	if d <= 0 {
		return ctx, func() {}
	}
	inner, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d, func() { cancel(cause) })
	return inner, func() {
		timer.Stop()
		cancel(nil)
	}
}

// source gives the table of a source: from memory when it is small and read
// more than once, otherwise from its file.
func (w *worker) source(ctx context.Context, n *node, r *NodeResult) (Table, error) {
	r.Attempts = 1
	r.RowsOut, r.BytesOut = n.source.Rows(), n.source.Bytes()
	if n.reads() < 2 || n.source.Bytes() > w.options.MaxTableBytes/4 {
		return n.source, nil
	}
	m := newMemoryTable(w.ledger)
	for batch, err := range n.source.Batches(ctx) {
		if err == nil {
			err = m.add(batch)
		}
		if _, full := errors.AsType[*LimitError](err); full && ctx.Err() == nil {
			m.release()
			return n.source, nil
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// reads counts how often the output of a node will be read.
func (n *node) reads() int {
	total := 0
	for _, c := range n.consumers {
		if c.Description.GetFits() {
			total++
		}
		if c.Description.GetTransforms() {
			total++
		}
	}
	return total
}

// attempts calls a kernel, again when its process was lost and the node allows
// it. It stands still between attempts for a time that doubles.
func (w *worker) attempts(ctx context.Context, n *node, input Table, r *NodeResult) (Table, error) {
	wait := w.options.Backoff
	for {
		r.Attempts++
		output, err := w.attempt(ctx, n, input, r)
		if _, lost := errors.AsType[*dataplane.TransportError](err); !lost || r.Attempts > n.retries() {
			return output, err
		}
		release(output)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
		wait = min(2*wait, maxBackoff)
		r.forget()
	}
}

// attempt validates, fits and transforms.
func (w *worker) attempt(ctx context.Context, n *node, input Table, r *NodeResult) (Table, error) {
	schema := input.Schema()
	if schema == nil {
		return nil, &LimitError{"Input without rows", fmt.Sprintf("%s wrote no batch, so its columns are not known. Look at why it dropped every row.", n.input.Name)}
	}
	k, err := w.kernels.Open(ctx, n.Use.Plugin)
	if err != nil {
		return nil, &startError{err}
	}
	c := &calls{worker: w, node: n, kernel: k, open: n.open(schema), input: input, result: r}
	c.open.Input = sharedOf(input)
	if err := c.validate(ctx); err != nil {
		return nil, err
	}
	if n.Description.GetFits() {
		if err := c.fit(ctx); err != nil {
			return nil, err
		}
	}
	if !n.Description.GetTransforms() {
		return nil, nil
	}
	return c.transform(ctx)
}

// calls are the calls of one attempt.
type calls struct {
	worker *worker
	node   *node
	kernel dataplane.Kernel
	open   dataplane.Open
	input  Table
	result *NodeResult
}

// budgeted limits one call to the budget and its grace.
func (c *calls) budgeted(ctx context.Context, call string) (context.Context, func()) {
	if c.node.Budget == 0 {
		return ctx, func() {}
	}
	return withLimit(ctx, c.node.Budget+BudgetGrace, &LimitError{"Kernel past its budget",
		fmt.Sprintf("Its %s did not end within the budget of %s and %s of grace, so the host ended it. Raise the budget, or report the kernel: it should have returned the best it had.", call, c.node.Budget, BudgetGrace)})
}

// validate asks a kernel whose input was not known when the plan was made.
func (c *calls) validate(ctx context.Context) error {
	if c.node.public.Checked == CheckedNow {
		return nil
	}
	ctx, stop := c.budgeted(ctx, "validation")
	defer stop()
	ds, err := c.kernel.Validate(ctx, c.open)
	if err != nil {
		return err
	}
	c.result.Problems = append(c.result.Problems, fromDiagnostics(c.node.Name, ds)...)
	return c.refused()
}

// refused tells whether the kernel has said no.
func (c *calls) refused() error {
	if HasErrors(c.result.Problems) {
		return errRefused
	}
	return nil
}

func (c *calls) fit(ctx context.Context) error {
	ctx, stop := c.budgeted(ctx, "fit")
	defer stop()
	state, outcome, err := c.kernel.Fit(ctx, c.open, c.input.Batches(ctx), func(p dataplane.Progress) {
		c.worker.events.progress(c.node.Name, Progress{Call: "fit", Fraction: p.Fraction, Message: p.Message})
	})
	if err != nil {
		return err
	}
	c.result.Fit = c.result.add(outcome)
	if err := c.refused(); err != nil {
		return err
	}
	c.result.learn(state)
	return nil
}

func (c *calls) transform(ctx context.Context) (Table, error) {
	ctx, stop := c.budgeted(ctx, "transform")
	defer stop()
	output := newMemoryTable(c.worker.ledger)
	open := c.open
	open.Output = sharedOf(output)
	outcome, err := c.kernel.Transform(ctx, open, c.result.State, c.watched(ctx), output.add)
	if err != nil {
		return output, err
	}
	c.result.Transform = c.result.add(outcome)
	c.account()
	return output, c.refused()
}

// watched is the input with its progress told.
func (c *calls) watched(ctx context.Context) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var rows int64
		for batch, err := range c.input.Batches(ctx) {
			if !yield(batch, err) || err != nil {
				return
			}
			rows += batch.NumRows()
			c.worker.events.progress(c.node.Name, Progress{Call: "transform", Fraction: float64(rows) / float64(max(1, c.input.Rows()))})
		}
	}
}

// account warns of rows that are neither written nor counted as dropped.
func (c *calls) account() {
	r := c.result
	lost := r.RowsIn - r.RowsOut - r.RowsDropped
	if lost == 0 || HasErrors(r.Problems) {
		return
	}
	p := problemf(r.Name, "Rows that do not add up", "%d rows in, %d out and %d dropped leave %d unaccounted for. A kernel that changes what a row is says so in its documentation; any other loses rows.",
		r.RowsIn, r.RowsOut, r.RowsDropped, lost)
	p.Severity = SeverityWarning
	r.Problems = append(r.Problems, p)
}
