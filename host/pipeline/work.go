// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// maxBackoff bounds the wait between two attempts.
const maxBackoff = 30 * time.Second

// work runs a unit to its end, fills in the results of its nodes and ends the
// table that it writes. It runs in a goroutine of its own.
func (r *runner) work(u *unit, in *feed) ending {
	n := u.head()
	ctx, stop := withLimit(r.ctx, n.Timeout, &LimitError{"Node that takes too long",
		fmt.Sprintf("It did not end within its timeout of %s. Raise the timeout, or give the kernel a budget.", n.Timeout)})
	defer stop()
	w := &worker{run: r, unit: u, in: in}
	e := w.attempts(ctx)
	if e.err != nil && e.at == nil {
		e.at = n
	}
	for _, one := range u.nodes {
		result := r.of(one)
		result.Wall, result.Attempts = time.Since(result.StartedAt), w.attempt
	}
	if f := r.flows[u.last().index]; f.edge != nil {
		f.edge.Seal(r.sealing(e))
	}
	return e
}

// sealing is the error that readers of a unit's table get.
func (r *runner) sealing(e ending) error {
	switch _, upstream := errors.AsType[*upstreamError](e.err); {
	case e.err == nil:
		return nil
	case upstream:
		return e.err
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	}
	return &upstreamError{e.at.Name + " failed"}
}

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

// worker runs one unit.
type worker struct {
	run     *runner
	unit    *unit
	in      *feed
	attempt int
	sink    SinkWriter // that was written
}

// attempts runs the unit, again when its process was lost and its node allows
// it. It stands still between attempts for a time that doubles.
func (w *worker) attempts(ctx context.Context) ending {
	n := w.unit.head()
	wait := w.run.options.Backoff
	for {
		w.attempt++
		at, err := w.once(ctx)
		if _, lost := errors.AsType[*dataplane.TransportError](err); !lost || w.attempt > n.retries() {
			return ending{err: err, at: at, sink: w.sink}
		}
		select {
		case <-ctx.Done():
			return ending{err: context.Cause(ctx), at: at}
		case <-time.After(wait):
		}
		wait = min(2*wait, maxBackoff)
		w.run.of(n).forget()
		w.run.renew(w.run.flows[n.index])
	}
}

// once makes one attempt. The node is the one at which it failed.
func (w *worker) once(ctx context.Context) (*node, error) {
	switch n := w.unit.head(); n.Kind {
	case KindSource:
		return n, w.load(ctx, n)
	case KindSink:
		return n, w.write(ctx, n)
	case KindAB:
		return n, w.compare(ctx, n)
	}
	return w.kernels(ctx)
}

// load reads a small source into memory. When there is no room for it, its
// consumers read the file.
func (w *worker) load(ctx context.Context, n *node) error {
	f, one := w.run.flows[n.index], w.run.of(n)
	one.RowsOut, one.BytesOut = n.source.Rows(), n.source.Bytes()
	f.edge.Declare(n.schema)
	var rows int64
	for batch, err := range edge.Cut(n.source.Batches(ctx), w.run.plan.batch) {
		if err == nil {
			err = f.edge.Put(ctx, batch)
		}
		if _, full := errors.AsType[*edge.FullError](err); full {
			w.run.replace(f)
			return nil
		}
		if err != nil {
			return err
		}
		rows += batch.NumRows()
	}
	one.RowsOut = rows
	return nil
}

// replace lets the consumers of a source read its file.
func (r *runner) replace(f *flow) {
	if kept, ok := f.edge.(*edge.Kept); ok {
		_ = kept.Release() // it has no file
	}
	f.kind, f.edge, f.shared, f.table = EdgeFile, nil, nil, f.node.source
}

// columns waits for the columns of the input.
func (w *worker) columns(ctx context.Context) (dataplane.Open, error) {
	n := w.unit.head()
	schema, err := w.in.schema(ctx)
	if err == nil && schema == nil {
		err = &LimitError{"Input without rows", fmt.Sprintf("%s wrote no batch, so its columns are not known. Look at why it dropped every row.", n.input.Name)}
	}
	open := n.open(schema)
	open.Input, open.From = w.in.shared, w.in.pool
	return open, err
}

// write takes the table of its input into a new version of the sink's file.
func (w *worker) write(ctx context.Context, n *node) (err error) {
	open, err := w.columns(ctx)
	if err != nil {
		return err
	}
	var sink SinkWriter
	err = w.run.step("creating "+n.Name, func() (err error) {
		sink, err = n.Sink.Create(ctx, open.Schema)
		return err
	})
	if err != nil {
		return err
	}
	one := w.run.of(n)
	for batch, err := range w.watched(ctx, w.gauge("write")) {
		if err == nil {
			err = sink.Write(ctx, batch)
		}
		if err != nil {
			return errors.Join(err, sink.Abort())
		}
		one.RowsIn, one.BytesIn = one.RowsIn+batch.NumRows(), one.BytesIn+edge.Size(batch)
	}
	w.sink = sink
	return nil
}
