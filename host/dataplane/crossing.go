// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// crossing is one call that uses a lane.
type crossing struct {
	*lane
	call   *call
	input  *table.Layout
	out    *table.Layout  // nil before the output has columns
	number uint64         // of Open.lane
	ended  bool           // the plugin said that its output has ended
	told   bool           // the result was told
	early  *arena.Message // the next message, read before its time

	mu      sync.Mutex
	pending map[uint64]passenger // input batches that the plugin may read
	room    chan struct{}        // closed when one is done; nil when nobody waits
	seq     uint64
}

// passenger is an input batch on its way.
type passenger struct {
	batch arrow.RecordBatch
	block *block // a copy; nil when the batch lies in memory that the plugin has
}

// cross begins a call on a lane; nil when it has to use messages.
func (c *call) cross(schema *arrow.Schema) *crossing {
	l := c.options.Side.lane()
	if l == nil {
		return nil
	}
	input, err := table.NewLayout(schema)
	if err != nil {
		c.options.Side.give(l, true)
		return nil
	}
	x := &crossing{lane: l, call: c, input: input, pending: map[uint64]passenger{}}
	x.number = l.begin()
	return x
}

// guard ends all waiting on the lane with ctx. The function that it returns puts
// an end to that, when it has ended if it has begun.
func (x *crossing) guard(ctx context.Context) (stop func()) {
	ended := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = x.conn.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if !unwatch() {
			<-ended
		}
	}
}

// send sends one batch: where it lies, or a copy of it.
func (x *crossing) send(batch arrow.RecordBatch) (int64, error) {
	if err := x.wait(); err != nil {
		return 0, err
	}
	p, b := passenger{batch: batch}, x.call.open.From.find(batch)
	if b == nil {
		own := x.ownPool(x.input)
		copied, n, err := own.fill(x.call.ctx, x.input, batch)
		if err != nil {
			return 0, err
		}
		copied.shrink(n)
		p.block, b = copied, copied
	}
	batch.Retain()
	seq := x.board(p)
	index, err := x.index(b.pool)
	if err == nil {
		err = x.conn.Send(arena.Message{
			Kind: arena.Batch, Index: index, Call: x.lane.call, Seq: seq, At: uint64(b.at), Bytes: uint64(b.bytes), Rows: uint64(batch.NumRows()),
		})
	}
	if err != nil {
		return 0, errWire
	}
	return int64(b.bytes), nil
}

// end tells that the input has ended.
func (x *crossing) end() error {
	return x.conn.Send(arena.Message{Kind: arena.End, Call: x.lane.call})
}

// wait waits until another batch may be sent.
func (x *crossing) wait() error {
	for {
		x.mu.Lock()
		if len(x.pending) < arena.Ahead {
			x.mu.Unlock()
			return nil
		}
		if x.room == nil {
			x.room = make(chan struct{})
		}
		room := x.room
		x.mu.Unlock()
		select {
		case <-room:
		case <-x.call.ctx.Done():
			return x.call.ctx.Err()
		}
	}
}

// board numbers a batch.
func (x *crossing) board(p passenger) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seq++
	x.pending[x.seq] = p
	return x.seq
}

// done lets go of a batch that the plugin reads no more.
func (x *crossing) done(seq uint64) error {
	x.mu.Lock()
	p, ok := x.pending[seq]
	delete(x.pending, seq)
	if x.room != nil {
		close(x.room)
		x.room = nil
	}
	x.mu.Unlock()
	if !ok {
		return fmt.Errorf("it is done with input batch %d, which it does not have", seq)
	}
	p.leave()
	return nil
}

func (p passenger) leave() {
	p.batch.Release()
	if p.block != nil {
		p.block.give()
	}
}

// land ends the call. A lane on which everything came to a regular end is used
// again.
func (x *crossing) land(regular bool) {
	x.mu.Lock()
	left := x.pending
	x.pending = map[uint64]passenger{}
	x.mu.Unlock()
	regular = regular && len(left) == 0 && x.ended && x.conn.SetDeadline(time.Time{}) == nil
	x.side.give(x.lane, regular)
	for _, p := range left {
		p.leave()
	}
}

// column returns a column of an input batch that is on its way.
func (x *crossing) column(seq uint64, from int) (arrow.Array, error) {
	x.mu.Lock()
	p, ok := x.pending[seq]
	x.mu.Unlock()
	switch {
	case !ok:
		return nil, fmt.Errorf("it has columns of input batch %d, which is done or was never sent", seq)
	case from < 0 || from >= int(p.batch.NumCols()):
		return nil, fmt.Errorf("it has column %d of an input of %d", from, p.batch.NumCols())
	}
	return p.batch.Column(from), nil
}

// timeout reports whether err is that of a deadline.
func timeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
