// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// MaxRejectedListed bounds the rejected rows that a result lists.
const MaxRejectedListed = 100

// MaxQuarantined bounds the rows that one node may put aside. What is rejected
// beyond is no exception any more.
const MaxQuarantined = 1 << 20

// rejects are the rows that a transform has rejected: all of them when they are
// to be put aside, otherwise the first that it told of.
type rejects struct {
	aside bool
	rows  []dataplane.Rejected
	count int64
}

func (r *rejects) add(rows []dataplane.Rejected) error {
	r.count += int64(len(rows))
	if !r.aside {
		rows = rows[:min(len(rows), MaxRejectedListed-len(r.rows))]
	} else if r.count > MaxQuarantined {
		return &LimitError{"Too many rejected rows", fmt.Sprintf("More than %d rows break a rule, the first one row %d (%s). Look at the rule, or at the file.", MaxQuarantined, r.rows[0].Row, r.rows[0].Rule)}
	}
	r.rows = append(r.rows, rows...)
	return nil
}

// sorted by row.
func (r *rejects) sorted() []dataplane.Rejected {
	slices.SortStableFunc(r.rows, func(a, b dataplane.Rejected) int { return cmp.Compare(a.Row, b.Row) })
	return r.rows
}

// account checks the rows of a transform, and puts into the results of all
// nodes of its unit what became of them. The node is the one that fails.
func (c *calls) account(o *dataplane.Outcome, out *outlet) (*node, error) {
	c.result.Transform = c.result.add(o)
	if len(c.unit.nodes) == 1 {
		if err := refused(c.result); err != nil {
			return c.node, err
		}
		return c.node, c.rows(c.node, out)
	}
	return c.accountFused(o, out)
}

// accountFused gives each fused node its part. The rows between them were not
// seen by the host: they follow from what each of them says, and must lead to
// those that arrived.
func (c *calls) accountFused(o *dataplane.Outcome, out *outlet) (*node, error) {
	if len(o.Then) != len(c.unit.nodes)-1 {
		return c.node, &dataplane.ProtocolError{Op: "transform", Reason: fmt.Sprintf("it tells the outcomes of %d fused kernels of %d", len(o.Then), len(c.unit.nodes)-1)}
	}
	arrived := c.result.RowsOut
	in := c.result.RowsIn
	for i, n := range c.unit.nodes {
		one := c.run.of(n)
		if i > 0 {
			one.Fused = c.node.Name
			stage := o.Then[i-1]
			stage.Metrics = dataplane.Metrics{Wall: o.Metrics.Wall, RowsIn: in}
			one.Transform = one.add(stage)
			if stage.UndoToken != nil {
				c.did(one, &undoable{n, n.open(n.input.schema), stage.UndoToken})
			}
		}
		one.RowsOut = one.RowsIn - one.RowsDropped - one.RowsRejected
		if n == c.unit.last() {
			one.RowsOut = arrived
		}
		one.Transform.Metrics.RowsOut = one.RowsOut
		in = one.RowsOut
		if err := refused(one); err != nil {
			return n, err
		}
		if err := c.rows(n, out); err != nil {
			return n, err
		}
	}
	return c.node, nil
}

// rows checks that every row is accounted for, and deals with those that were
// rejected.
func (c *calls) rows(n *node, out *outlet) error {
	one := c.run.of(n)
	if lost := one.RowsIn - one.RowsOut - one.RowsDropped - one.RowsRejected; lost != 0 {
		p := lostRows(one, lost)
		one.Problems = append(one.Problems, p)
		if n.Description.GetRowWise() || out.traced {
			p.Severity = SeverityError
			return errRefused
		}
	}
	if one.RowsRejected == 0 {
		return nil
	}
	return c.rejected(out.ctx, n, one, &out.rejects)
}

func lostRows(one *NodeResult, lost int64) *Problem {
	text := fmt.Sprintf("%d rows in, %d out and %d dropped", one.RowsIn, one.RowsOut, one.RowsDropped)
	if one.RowsRejected > 0 {
		text += fmt.Sprintf(" and %d rejected", one.RowsRejected)
	}
	p := problemf(one.Name, "Rows that do not add up", "%s leave %d unaccounted for. A kernel that changes what a row is says so in its documentation; any other loses rows.", text, lost)
	p.Severity = SeverityWarning
	return p
}

// rejected puts rows aside, or fails the node because of them. When several
// fused kernels reject, nobody tells whose row is whose.
func (c *calls) rejected(ctx context.Context, n *node, one *NodeResult, all *rejects) error {
	rows := all.sorted()
	if fused := len(c.unit.nodes) > 1; fused && all.count != one.RowsRejected {
		rows = nil
	} else if all.count != one.RowsRejected {
		return &dataplane.ProtocolError{Op: "transform", Reason: fmt.Sprintf("it says that it rejected %d rows, and named %d", one.RowsRejected, all.count)}
	}
	place := c.in.places()
	one.Rejected = slices.Clone(rows[:min(len(rows), MaxRejectedListed)])
	for i := range one.Rejected {
		one.Rejected[i].Row = place(one.Rejected[i].Row)
	}
	if n.OnFailure == Quarantine {
		return c.putAside(ctx, one, rows)
	}
	one.Problems = append(one.Problems, rejection(one))
	return errRefused
}

// rejection lists the rows that fail a node.
func rejection(one *NodeResult) *Problem {
	const shown = 5
	var lines []string
	for _, r := range one.Rejected[:min(len(one.Rejected), shown)] {
		text := fmt.Sprintf("row %d breaks %s", r.Row, r.Rule)
		if r.Column != "" {
			text += fmt.Sprintf(" in %q", r.Column)
		}
		if r.Detail != "" {
			text += ": " + r.Detail
		}
		lines = append(lines, text)
	}
	if more := one.RowsRejected - int64(len(lines)); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return problemf(one.Name, "Rows that break a rule", "%d of %d rows are rejected: %s. Mend them, or set on_failure = \"quarantine\" to put such rows aside.",
		one.RowsRejected, one.RowsIn, strings.Join(lines, "; "))
}
