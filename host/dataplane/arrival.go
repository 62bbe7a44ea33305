// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// inbox reads the stream of a call in the background, for a caller that waits
// for the lane, and interrupts that.
type inbox struct {
	ctx   context.Context
	items chan item
	done  chan struct{} // nothing reads any more
}

type item struct {
	message *pluginv1.TransformResponse
	err     error
}

func (x *crossing) listen(ctx context.Context, stream transformStream) *inbox {
	box := &inbox{ctx: ctx, items: make(chan item, 4), done: make(chan struct{})}
	go func() {
		defer close(box.done)
		for {
			m, err := stream.Recv()
			select {
			case box.items <- item{m, err}:
			case <-ctx.Done():
				return
			}
			_ = x.conn.SetReadDeadline(time.Unix(1, 0))
			if err != nil {
				return
			}
		}
	}()
	return box
}

// recv waits for the next message of the stream.
func (b *inbox) recv() (*pluginv1.TransformResponse, error) {
	select {
	case i := <-b.items:
		return i.message, i.err
	case <-b.ctx.Done():
	}
	select { // what was there before is told
	case i := <-b.items:
		return i.message, i.err
	default:
		return nil, b.ctx.Err()
	}
}

// receive takes the output of a transform: batches from the lane, and the rest
// from the stream, up to the result and the end of the stream.
func (x *crossing) receive(box *inbox, out *output) (*pluginv1.Result, error) {
	for !x.ended {
		m, err := x.next()
		switch {
		case err == nil:
			err = x.take(m, box, out)
		case timeout(err):
			var result *pluginv1.Result
			if result, err = x.interrupted(box, out); result != nil && err == nil {
				return result, expectEnd(x.call, box.recv)
			}
		case errors.Is(err, arena.ErrMessage):
			err = broken("transform", "%v", err)
		default:
			return x.gone(box, out)
		}
		if err != nil {
			return nil, err
		}
	}
	return receive(x.call, box.recv, out.take)
}

// interrupted handles what came on the stream, and the end of the call.
func (x *crossing) interrupted(box *inbox, out *output) (*pluginv1.Result, error) {
	if err := x.conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, wireError(x.call.parent, x.call.op, err)
	}
	for {
		select {
		case i := <-box.items:
			result, err := x.heard(i, out)
			if result != nil {
				x.told = true
				return result, x.rest(result, box, out)
			}
			if err != nil {
				return nil, err
			}
		case <-x.call.ctx.Done():
			return nil, wireError(x.call.parent, x.call.op, x.call.ctx.Err())
		default:
			return nil, nil
		}
	}
}

// heard handles one message of the stream.
func (x *crossing) heard(i item, out *output) (*pluginv1.Result, error) {
	if ended(i.err) {
		return nil, broken(x.call.op, "the stream ended without a result")
	}
	if i.err != nil {
		return nil, wireError(x.call.parent, x.call.op, i.err)
	}
	return out.take(i.message)
}

// rest takes what the lane holds when the result is there: the end of the
// output was sent before it.
func (x *crossing) rest(result *pluginv1.Result, box *inbox, out *output) error {
	for !x.ended {
		m, ok, err := x.poll()
		if err != nil {
			return broken("transform", "%v", err)
		}
		if !ok {
			break
		}
		if err := x.take(m, box, out); err != nil {
			return err
		}
	}
	if !x.ended && !failing(result) {
		return broken("transform", "the result came before the end of the output")
	}
	return nil
}

// failing reports whether a result says that a kernel refused the call.
func failing(r *pluginv1.Result) bool {
	for _, d := range r.GetDiagnostics() {
		if d.GetSeverity() == pluginv1.Diagnostic_SEVERITY_ERROR {
			return true
		}
	}
	for _, then := range r.GetThen() {
		if failing(then) {
			return true
		}
	}
	return false
}

// take handles one message of the lane.
func (x *crossing) take(m arena.Message, box *inbox, out *output) error {
	if m.Call != x.lane.call {
		return broken("transform", "a message of call %d in call %d of its lane", m.Call, x.lane.call)
	}
	switch m.Kind {
	case arena.Done:
		return asBroken("transform", x.done(m.Seq))
	case arena.Batch:
		return x.batch(m, box, out)
	case arena.End:
		x.ended = true
		return nil
	}
	return broken("transform", "a message of kind %d on its lane", m.Kind)
}

// next waits for the next message of the lane.
func (x *crossing) next() (arena.Message, error) {
	if m := x.early; m != nil {
		x.early = nil
		return *m, nil
	}
	return x.conn.Receive()
}

// poll is next without waiting.
func (x *crossing) poll() (m arena.Message, ok bool, err error) {
	if m := x.early; m != nil {
		x.early = nil
		return *m, true, nil
	}
	return x.conn.Poll()
}

// long is how many bytes take so long to look at that the sender need not wait for
// the end of it.
const long = 256 << 10

// letGo lets go of input batches that the plugin is done with, before an output
// batch of n bytes is handed on: the sender may be waiting for their memory.
func (x *crossing) letGo(n int) error {
	for n >= long && x.early == nil {
		m, ok, err := x.conn.Poll()
		switch {
		case err != nil:
			return broken("transform", "%v", err)
		case !ok:
			return nil
		case m.Kind != arena.Done || m.Call != x.lane.call:
			x.early = &m
		default:
			err = asBroken("transform", x.done(m.Seq))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// asBroken makes a breach of contract of an error that says so in words.
func asBroken(op string, err error) error {
	if _, ok := errors.AsType[*ProtocolError](err); ok || err == nil {
		return err
	}
	return broken(op, "%v", err)
}

// batch copies an output batch out of the memory of the plugin, checks the copy
// and hands it on.
func (x *crossing) batch(m arena.Message, box *inbox, out *output) error {
	if err := x.columns(box, out); err != nil {
		return err
	}
	data, err := x.part(m.At, m.Bytes)
	if err != nil {
		return err
	}
	if err := out.count(len(data)); err != nil {
		return err
	}
	origins, err := x.origins(m)
	if err != nil {
		return err
	}
	block, err := x.call.open.Into.take(x.call.ctx, len(data))
	if err != nil {
		return x.failed(err)
	}
	copy(block.data, data)
	// That the lane is gone shows when it is read again.
	_ = x.conn.Send(arena.Message{Kind: arena.Free, Call: x.lane.call, At: m.At})
	batch, err := block.batch(x.out, len(data), int64(min(m.Rows, math.MaxInt64)), x.same(m.Same))
	if err != nil {
		return broken("transform", "output batch %d: %v", x.call.metrics.BatchesOut, err)
	}
	defer batch.Release()
	if err := x.letGo(len(data)); err != nil {
		return err
	}
	x.out.Blank(block.data[:len(data)]) // the next plugin sees this memory, gaps and all
	return out.batch(batch, origins)
}

// failed is an error of waiting for memory.
func (x *crossing) failed(err error) error {
	if x.call.ctx.Err() != nil && x.call.parent.Err() == nil {
		return wireError(x.call.parent, x.call.op, x.call.ctx.Err())
	}
	return err
}

// gone tells why the lane broke, which shows on the stream.
func (x *crossing) gone(box *inbox, out *output) (*pluginv1.Result, error) {
	result, err := receive(x.call, box.recv, out.take)
	if err == nil && !failing(result) {
		err = broken("transform", "it closed its lane before the end of the output")
	}
	return result, err
}

// columns waits until those of the output are known: they were told on the
// stream before the first batch.
func (x *crossing) columns(box *inbox, out *output) error {
	for x.out == nil && !x.told {
		m, err := box.recv()
		if err != nil {
			return wireError(x.call.parent, x.call.op, err)
		}
		result, err := out.take(m)
		if err != nil {
			return err
		}
		x.told = result != nil
	}
	if x.out == nil {
		return broken("transform", "an output batch came before its columns")
	}
	return nil
}

// pinned is called when the columns of the output are known.
func (x *crossing) pinned(schema *arrow.Schema) (err error) {
	if x.out, err = table.NewLayout(schema); err != nil {
		return broken("transform", "its output schema: %v", err)
	}
	if err := x.provide(x.out); err != nil && x.call.ctx.Err() == nil {
		return err
	}
	return nil
}

// part returns a part of the output arena. It may change at any time.
func (x *crossing) part(at, n uint64) ([]byte, error) {
	size := uint64(0)
	if x.output != nil {
		size = uint64(len(x.output.Bytes()))
	}
	if at > size || n > size-at || at%8 != 0 {
		return nil, broken("transform", "output batch %d: %d bytes at %d of an arena of %d", x.call.metrics.BatchesOut+1, n, at, size)
	}
	return x.output.Bytes()[at : at+n], nil
}

// origins are those of a batch as they travel in messages.
func (x *crossing) origins(m arena.Message) ([]byte, error) {
	switch m.Origins {
	case arena.Consecutive:
		return binary.LittleEndian.AppendUint64(nil, m.Origin), nil
	case arena.Listed:
		if m.Rows > table.MaxRows {
			return nil, broken("transform", "output batch %d: %d rows", x.call.metrics.BatchesOut, m.Rows)
		}
		listed, err := x.part(m.Origin, 8*m.Rows)
		if err != nil {
			return nil, err
		}
		return append([]byte(nil), listed...), nil
	}
	return nil, nil
}

// same returns columns of an input batch, nil for none. Where the input lies in a
// pool and the output does not, they are copied: who keeps an output in ordinary
// memory does not hold up an edge.
func (x *crossing) same(seq uint64) func(int) (arrow.Array, error) {
	if seq == 0 {
		return nil
	}
	open := x.call.open
	return func(from int) (arrow.Array, error) {
		a, err := x.column(seq, from)
		if err != nil || open.From == nil || open.Into != nil {
			return a, err
		}
		return copied(a)
	}
}

// copied is a column in memory of its own. The caller need not release it.
func copied(a arrow.Array) (arrow.Array, error) {
	layout, err := table.NewLayout(arrow.NewSchema([]arrow.Field{{Name: "x", Type: a.DataType(), Nullable: true}}, nil))
	if err != nil {
		return nil, err
	}
	batch, err := one(layout, a)
	if err != nil {
		return nil, err
	}
	return batch.Column(0), nil
}
