// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// extrapolation takes two flights to the whole table.
type extrapolation struct {
	short, long *flight
	// rows that are expected out of each node.
	rows map[string]int64
	// nodes that are done; those that a node reads from come before it.
	nodes map[string]PilotNode
}

// node is what is expected of one node.
func (e *extrapolation) node(n *node) PilotNode {
	out := PilotNode{Name: n.Name, RowsIn: -1, RowsOut: -1, Bytes: -1, Seconds: -1, Memory: -1}
	e.rows[n.Name] = -1
	if reason, left := e.long.out[n.Name]; left {
		out.Status, out.Reason = Skipped, reason
		return out
	}
	long, short := e.long.result.Node(n.Name), e.short.result.Node(n.Name)
	out.Status, out.Reason = long.Status, long.Reason
	if n.Kind == KindSource {
		e.source(n, &out)
		return out
	}
	if long.Status != OK || short.Status != OK {
		out.Reason = orText(out.Reason, short.Reason)
		return out
	}
	out.SampleRows, out.RowsIn = long.RowsIn, e.rowsIn(n)
	if out.RowsIn < 0 {
		return out
	}
	e.work(n, &out, short, long)
	return out
}

// source is what is expected of a source.
func (e *extrapolation) source(n *node, out *PilotNode) {
	s := e.long.samples[n.Name]
	out.SampleRows, out.RowsOut = s.taken(), s.expected()
	out.Bytes, out.RowsIn = e.tableBytes(n, out.RowsOut), 0
	e.rows[n.Name] = out.RowsOut
}

// rowsIn are those of the inputs; the arms of a comparison are read beside each
// other.
func (e *extrapolation) rowsIn(n *node) int64 {
	most := int64(-1)
	for _, in := range n.inputs() {
		if e.rows[in.Name] < 0 {
			return -1
		}
		most = max(most, e.rows[in.Name])
	}
	return most
}

// work is what a node that ran is expected to take.
func (e *extrapolation) work(n *node, out *PilotNode, short, long *NodeResult) {
	in := line{float64(short.RowsIn), float64(long.RowsIn)}
	whole := float64(out.RowsIn)
	out.Seconds = in.at(short.Wall.Seconds(), long.Wall.Seconds(), whole)
	if n.Budget > 0 && n.fits() {
		out.Seconds = max(out.Seconds, n.Budget.Seconds())
	}
	if long.PeakRSS > 0 {
		if n.Description.GetRowWise() { // it sees no more than a batch at a time
			whole = min(whole, max(table.MaxRows, in.long))
		}
		out.Memory = int64(in.at(float64(short.PeakRSS), float64(long.PeakRSS), whole))
	}
	if n.Kind == KindSink {
		out.RowsOut, out.Bytes = 0, e.fileBytes(n, out.RowsIn)
		return
	}
	out.RowsOut = share(long.RowsOut, long.RowsIn, out.RowsIn)
	out.Bytes, e.rows[n.Name] = e.tableBytes(n, out.RowsOut), out.RowsOut
}

// tableBytes are those of the table that a node gives, when somebody counted them.
func (e *extrapolation) tableBytes(n *node, rows int64) int64 {
	for _, edge := range e.long.result.Edges {
		if edge.From == n.Name && edge.Bytes >= 0 && edge.Rows > 0 && edge.Kind != EdgeFile && rows >= 0 {
			return share(edge.Bytes, edge.Rows, rows)
		}
	}
	return -1
}

// fileBytes are those of the file of a sink.
func (e *extrapolation) fileBytes(n *node, rows int64) int64 {
	for _, w := range e.long.result.Sinks {
		if w.Node == n.Name && w.Rows > 0 {
			return share(w.Bytes, w.Rows, rows)
		}
	}
	return -1
}

// seconds are those of the whole run, by the rows of all sources. Calls with a budget
// are expected to use it up.
func (e *extrapolation) seconds(p *Plan) float64 {
	var short, long, whole, budgets float64
	for _, n := range p.nodes {
		if n.Kind == KindSource {
			if e.rows[n.Name] < 0 {
				return -1
			}
			short, long = short+float64(e.short.samples[n.Name].taken()), long+float64(e.long.samples[n.Name].taken())
			whole += float64(e.rows[n.Name])
		}
		if n.Budget > pilotBudget && n.fits() && e.nodes[n.Name].Status == OK {
			budgets += (n.Budget - pilotBudget).Seconds()
		}
	}
	return budgets + line{short, long}.at(e.short.result.Wall.Seconds(), e.long.result.Wall.Seconds(), whole)
}

// share is part of total, taken to another total.
func share(part, total, other int64) int64 {
	if total <= 0 {
		return 0
	}
	return int64(float64(part) / float64(total) * float64(other))
}

// line goes through what two runs of different length took.
type line struct{ short, long float64 }

// at is the value for so many rows, and never less than the larger run took unless
// they are fewer.
func (l line) at(short, long, rows float64) float64 {
	if rows <= l.long || l.long <= l.short {
		return long
	}
	return long + max(0, (long-short)/(l.long-l.short))*(rows-l.long)
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
