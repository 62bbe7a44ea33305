// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// maxUndoToken bounds an undo token, in bytes.
const maxUndoToken = 64 << 10

// outcome checks a result. The rows of a kernel that failed are not held
// against it: it may have stopped reading anywhere. lines is nil for a fit.
func (c *call) outcome(r *pluginv1.Result, lines *lineage) (*Outcome, error) {
	if len(r.GetThen()) != len(c.open.Then) {
		return nil, broken(c.op, "it gives results of %d fused kernels, and %d were asked", len(r.GetThen()), len(c.open.Then))
	}
	o, err := c.read(r)
	if err != nil {
		return nil, err
	}
	for _, then := range r.GetThen() {
		one, err := c.read(then)
		if err != nil {
			return nil, err
		}
		o.Then = append(o.Then, one)
	}
	o.Metrics = c.metrics
	if o.Failed() {
		return o, nil
	}
	return o, c.balance(r, lines)
}

// read takes what one kernel tells.
func (c *call) read(r *pluginv1.Result) (*Outcome, error) {
	report, err := checkReport(r.GetReportJson(), c.options.Limits)
	if err != nil {
		return nil, broken(c.op, "%v", err)
	}
	if n := len(r.GetUndoToken()); n > maxUndoToken {
		return nil, broken(c.op, "the undo token has %d bytes, and at most %d are taken", n, maxUndoToken)
	}
	return &Outcome{
		Report: report, RowsDropped: r.GetRowsDropped(), RowsRejected: r.GetRowsRejected(), UndoToken: r.GetUndoToken(),
		Diagnostics: diagnostics(r.GetDiagnostics(), c.options.Limits),
	}, nil
}

// balance compares the rows that a result claims with those that moved.
func (c *call) balance(r *pluginv1.Result, lines *lineage) error {
	all := append([]*pluginv1.Result{r}, r.GetThen()...)
	in, dropped, rejected := c.metrics.RowsIn, int64(0), int64(0)
	if !c.sender.complete {
		return broken(c.op, "it ended after %d rows, before the end of its input", r.GetRowsIn())
	}
	for i, one := range all {
		if err := c.claims(one, in, i > 0); err != nil {
			return err
		}
		in, dropped, rejected = one.GetRowsOut(), dropped+one.GetRowsDropped(), rejected+one.GetRowsRejected()
	}
	if in != c.metrics.RowsOut {
		return broken(c.op, "it says that it wrote %d rows, and %d arrived", in, c.metrics.RowsOut)
	}
	if lines == nil {
		return nil
	}
	if err := lines.balance(c.metrics.RowsIn, in, dropped, rejected); err != nil {
		return broken(c.op, "%v", err)
	}
	return nil
}

// claims checks the counts of one kernel that was given some rows.
func (c *call) claims(r *pluginv1.Result, in int64, fused bool) error {
	sent := "sent"
	if fused {
		sent = "written by the kernel before it"
	}
	switch {
	case r.GetRowsIn() != in:
		return broken(c.op, "it says that it read %d rows, and %d were %s", r.GetRowsIn(), in, sent)
	case r.GetRowsOut() < 0:
		return broken(c.op, "it says that it wrote %d rows", r.GetRowsOut())
	case r.GetRowsDropped() < 0 || r.GetRowsDropped() > in:
		return broken(c.op, "it says that it dropped %d of %d rows", r.GetRowsDropped(), in)
	case r.GetRowsRejected() < 0 || r.GetRowsRejected() > in:
		return broken(c.op, "it says that it put %d of %d rows aside", r.GetRowsRejected(), in)
	}
	return nil
}
