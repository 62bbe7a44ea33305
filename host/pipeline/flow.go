// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// flow is the table of a node on its way to its consumers.
type flow struct {
	node *node
	kind EdgeKind
	// edge that the node writes; nil when nobody reads it or it is there.
	edge edge.Edge
	// table can be read again and again: it is complete.
	table Table
	// shared is the digest of a kept table, known when somebody came to its end.
	shared *dataplane.Shared
	// pool is the memory of a stream, nil where it is ordinary memory.
	pool *dataplane.Pool
	// waiting counts the consumers that have not ended.
	waiting  int
	ended    bool // the writer has
	spilled  bool
	complete bool
	moved    edge.Moved
	// read is the number of rows of a source whose end was seen, -1 before. It
	// is the readers'.
	read atomic.Int64
}

func (r *runner) flow(n *node) *flow {
	f := &flow{node: n, kind: r.layout.kinds[n.index], waiting: r.layout.readers(n)}
	f.read.Store(-1)
	r.renew(f)
	return f
}

// renew makes an empty edge, for the first attempt and for each that follows.
// Nobody reads what a second attempt writes before its end.
func (r *runner) renew(f *flow) {
	if k, ok := f.edge.(*edge.Kept); ok {
		_ = k.Release() // the file of an attempt that failed
	}
	if !r.layout.runs[f.node.index] {
		return
	}
	switch f.kind {
	case EdgeStream:
		f.edge, f.pool = edge.NewRing(r.options.EdgeBytes, r.options.EdgeRows), r.pool(f.node)
	case EdgeKept:
		kept := edge.NewKept(r.ledger, r.spillOf(f.node))
		f.edge, f.shared = kept, &dataplane.Shared{Again: kept.Batches(r.ctx)}
	}
}

// maxPooled bounds the readers of a pool: each takes a slot.
const maxPooled = 12

// pool makes the memory of a stream. Its batches may go on to all nodes behind it
// in the segment, as columns that these do not change, and each of them may keep
// one while it waits for the next: with a slot for each, one for the writer and
// those on their way, the last node of the chain always gets on.
func (r *runner) pool(n *node) *dataplane.Pool {
	u := r.layout.units[n.index]
	behind := len(u.segment.units) - 1 - u.place
	if behind > maxPooled {
		return nil
	}
	return dataplane.NewPool(dataplane.DefaultSlots + behind)
}

// spillOf gives kept tables a file; a source has one.
func (r *runner) spillOf(n *node) edge.Spill {
	if n.Kind == KindSource {
		return nil
	}
	return r.options.spill()
}

// end takes the table over when its writer has ended.
func (f *flow) end(ok bool) {
	f.ended = true
	f.close()
	if f.edge == nil {
		return
	}
	f.complete, f.moved = ok, f.edge.Moved()
	if kept, isKept := f.edge.(*edge.Kept); isKept {
		f.table, f.spilled = keptTable{kept}, kept.Spilled()
	}
}

// leave counts a consumer that has ended.
func (f *flow) leave() {
	f.waiting--
	if ring, ok := f.edge.(*edge.Ring); ok {
		ring.Give()
	}
	f.close()
}

// close gives back the memory of a stream that nobody uses any more.
func (f *flow) close() {
	if f.pool != nil && f.ended && f.waiting <= 0 {
		f.pool.Close()
		f.pool = nil
	}
}

// upstreamError ends the table of a node that failed, for its readers.
type upstreamError struct{ reason string }

func (e *upstreamError) Error() string { return e.reason }

// sourceFault is an error of a source's file, with the node that names it.
type sourceFault struct {
	node string
	err  error
}

func (e *sourceFault) Error() string { return e.err.Error() }
func (e *sourceFault) Unwrap() error { return e.err }

// feed is what a unit reads: a complete table, or an edge that is being written.
type feed struct {
	from   *flow
	table  Table
	edge   edge.Edge
	shared *dataplane.Shared
	pool   *dataplane.Pool
	limits edge.Limits
	// rows that will come at most, -1 when nobody knows.
	rows     int64
	position *position // nil when no source is behind it
	// arm is set for a kernel that is a part of a comparison.
	arm *armRows
	// second is the table of arm b, for a comparison; nil when it failed.
	second Table
}

// feed of a unit, as things are when it starts; nil for a source.
func (r *runner) feed(u *unit) *feed {
	n := u.head()
	if n.input == nil {
		return nil
	}
	f := r.flows[n.input.index]
	if u.place == 0 {
		u.segment.position = r.position(n.input)
	}
	in := &feed{position: u.segment.position, from: f, table: f.table, edge: f.edge, shared: f.shared, pool: f.pool, limits: r.plan.batch, rows: n.input.rows}
	if f.table != nil {
		in.rows = f.table.Rows()
	}
	if n.Arm != nil {
		in.arm = &armRows{arm: n.Arm}
		if n.Arm.Split != nil || n.Arm.Holdout != nil {
			in.shared, in.pool = nil, nil // what it reads is a part of the table
		}
	}
	if n.second != nil && r.of(n.second).Status == OK {
		in.second = r.flows[n.second.index].table
	}
	return in
}

// position in the source that the rows of a node come from at this time; nil
// when they are all there.
func (r *runner) position(n *node) *position {
	if n.Kind == KindSource {
		return &position{}
	}
	if u := r.layout.units[n.index]; u != nil && r.flows[n.index].table == nil {
		return u.segment.position
	}
	return nil
}

// schema waits for the columns.
func (f *feed) schema(ctx context.Context) (*arrow.Schema, error) {
	if f.table != nil {
		return f.table.Schema(), nil
	}
	return f.edge.Schema(ctx)
}

// batches gives the rows, and to an arm those that are its own.
func (f *feed) batches(ctx context.Context) dataplane.Batches {
	if f.arm != nil && f.arm.arm.Split != nil {
		return edge.Cut(f.arm.split(f.all(ctx), false), f.limits)
	}
	return f.all(ctx)
}

// lessons are the rows to learn from: all but those that are held out.
func (f *feed) lessons(ctx context.Context) dataplane.Batches {
	if f.arm != nil && (f.arm.arm.Split != nil || f.arm.arm.Holdout != nil) {
		return edge.Cut(f.arm.split(f.all(ctx), true), f.limits)
	}
	return f.batches(ctx)
}

func (f *feed) all(ctx context.Context) dataplane.Batches {
	switch t := f.table.(type) {
	case nil:
		return f.edge.Batches(ctx)
	case keptTable:
		return t.Batches(ctx)
	case Source:
		return f.source(ctx, t)
	default:
		return edge.Cut(t.Batches(ctx), f.limits)
	}
}

// source gives the rows of a file.
func (f *feed) source(ctx context.Context, t Source) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var rows int64
		for batch, err := range edge.Cut(t.Batches(f.position.watch(ctx)), f.limits) {
			if err != nil {
				if _, ours := errors.AsType[*source.Error](err); ours {
					err = &sourceFault{f.from.node.Name, err}
				}
				yield(nil, err)
				return
			}
			rows += batch.NumRows()
			if !yield(batch, nil) {
				return
			}
		}
		f.from.read.Store(rows)
	}
}
