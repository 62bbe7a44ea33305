// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// outlet takes what the transform of a unit writes: to the edge, and to the
// cache. One goroutine uses it.
type outlet struct {
	run     *runner
	ctx     context.Context
	unit    *unit
	flow    *flow
	promise *arrow.Schema // nil when the kernel made none
	schema  *arrow.Schema // nil before it is told
	cutter  *edge.Cutter
	draft   *draft
	rows    int64
	traced  bool // the kernel tells where its rows come from
	rejects rejects
	// numbers and numbered are the rows and columns of an arm with the numbers of
	// its rows; nil for any other node.
	numbers  *rowFinder
	numbered *arrow.Schema
}

// outlet of a unit; promise is the schema that the kernel has told of.
func (r *runner) outlet(ctx context.Context, u *unit, promise *arrow.Schema) *outlet {
	last := u.last()
	o := &outlet{run: r, ctx: ctx, unit: u, flow: r.flows[last.index], promise: promise, draft: r.draft(ctx, u), rejects: rejects{aside: last.OnFailure == Quarantine}}
	if len(u.nodes) > 1 {
		o.promise = last.schema
	}
	o.cutter = edge.NewCutter(r.plan.batch, o.put)
	return o
}

// takes is the outlet as the data plane sees it.
func (o *outlet) takes() dataplane.Output {
	return dataplane.Output{Schema: o.declare, Batch: o.batch, Rejected: o.rejects.add}
}

// declare takes the columns, the first time that they are told, and holds the
// kernel to what it promised.
func (o *outlet) declare(schema *arrow.Schema) (err error) {
	if o.schema != nil {
		return o.same(schema, o.schema, "wrote before")
	}
	if o.promise != nil {
		if err := o.same(schema, o.promise, "said that it would write"); err != nil {
			return err
		}
	}
	o.schema = schema
	if o.numbers != nil {
		if o.numbered, err = withRows(schema); err != nil {
			return err
		}
		schema = o.numbered
	}
	o.draft.declare(schema)
	if o.flow.edge == nil {
		return nil
	}
	o.flow.edge.Declare(schema)
	if last := o.unit.last(); o.flow.kind == EdgeKept && !last.alone() {
		o.run.messages <- message{opened: last}
	}
	return nil
}

// same refuses columns other than those of before.
func (o *outlet) same(got, want *arrow.Schema, when string) error {
	if got == want || got.Equal(want) {
		return nil
	}
	return &dataplane.ProtocolError{Op: "transform", Reason: fmt.Sprintf("it writes the columns %v, and it %s %v", columnNames(got), when, columnNames(want))}
}

// columnNames lists columns with types, at most 20 of them.
func columnNames(schema *arrow.Schema) []string {
	var out []string
	for i, f := range schema.Fields() {
		if i == 20 {
			return append(out, "...")
		}
		out = append(out, f.Name+" "+f.Type.String())
	}
	return out
}

func (o *outlet) batch(p dataplane.Part) error {
	if o.ctx.Err() != nil {
		return context.Cause(o.ctx)
	}
	if err := o.declare(p.Batch.Schema()); err != nil {
		return err
	}
	first := o.rows
	o.rows += p.Batch.NumRows()
	o.traced = o.traced || p.Origins != nil
	if o.flow.edge == nil && !o.draft.keepsTable() {
		return nil
	}
	if o.numbers == nil {
		return o.cutter.Add(p.Batch)
	}
	numbered := o.numbers.number(p.Batch, o.numbered, p.Origins, first, o.unit.last().Description.GetRowWise())
	defer numbered.Release()
	return o.cutter.Add(numbered)
}

// put hands on a batch of a good size.
func (o *outlet) put(batch arrow.RecordBatch) error {
	o.draft.append(batch)
	if o.flow.edge == nil {
		return nil
	}
	return o.flow.edge.Put(o.ctx, batch)
}

// finish ends the table of a transform that went well.
func (o *outlet) finish() error {
	if err := o.cutter.Flush(); err != nil {
		return err
	}
	if o.schema == nil && o.promise != nil {
		if err := o.declare(o.promise); err != nil {
			return err
		}
	}
	return o.run.rememberUnit(o.ctx, o.unit, o.draft)
}

// drop lets go of what was not handed on.
func (o *outlet) drop() {
	o.cutter.Drop()
	o.draft.abort()
}
