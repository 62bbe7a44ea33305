// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// DefaultSlots is how many full batches a Pool holds unless it is told otherwise.
const DefaultSlots = 4

// Pool is recycled memory for the batches of one edge of a pipeline. Where the
// system has shared memory, the host alone writes it and the processes that read
// the edge map it read-only, so that a batch that lies in it is not copied to
// them, however many they are.
//
// A batch takes the bytes that it needs and gives them back when it and all its
// arrays are released; while there is no room, whoever wants to put the next one
// waits. That is the back-pressure of an edge. A reader may keep one batch while
// it waits for the next: give a pool one slot more than it has readers, and one
// for the writer. A batch that is larger than a whole pool lies outside of it.
//
// No memory is made before the first batch. A nil Pool is ordinary memory. It is
// safe for concurrent use.
type Pool struct {
	slots, slot int // how many, and bytes of each

	mu     sync.Mutex
	size   int
	memory *arena.Memory // nil before the first batch, or without shared memory
	heap   bool          // there is no shared memory
	space  *arena.Space
	room   chan struct{} // closed when a block comes back; nil when nobody waits
	blocks map[arrow.ArrayData]*block
	closed bool
	after  []func() // when it is closed
}

// ErrPoolClosed means that a batch was to be put into a pool that was closed.
var ErrPoolClosed = errors.New("the memory of this edge was given back")

// NewPool makes a pool that holds slots batches of the largest size, and more
// smaller ones. 0 is DefaultSlots.
func NewPool(slots int) *Pool {
	if slots <= 0 {
		slots = DefaultSlots
	}
	return newPool(slots, slotBytes)
}

func newPool(slots, slot int) *Pool {
	return &Pool{slots: slots, slot: slot, blocks: map[arrow.ArrayData]*block{}}
}

// Bytes is what the batches in the pool take now.
func (p *Pool) Bytes() (used int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.space == nil {
		return 0
	}
	return p.space.Taken()
}

// Close gives the memory back, as soon as the last batch in it is released. No
// batch can be put into it any more.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.wake()
	after := p.after
	p.after = nil
	p.drop()
	p.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// drop unmaps the memory of a closed pool that nothing lies in.
func (p *Pool) drop() {
	if p.closed && p.space != nil && p.space.Used() == 0 && p.memory != nil {
		_ = p.memory.Close()
		p.memory = nil
	}
}

// onClose calls f when the pool is closed, or now when it is.
func (p *Pool) onClose(f func()) {
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.after = append(p.after, f)
	}
	p.mu.Unlock()
	if closed {
		f()
	}
}

// Put copies a batch within the bounds of the wire into the pool, waiting for
// room. The caller releases what it returns.
func (p *Pool) Put(ctx context.Context, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	layout, err := table.NewLayout(batch.Schema())
	if err != nil {
		return nil, err
	}
	b, n, err := p.fill(ctx, layout, batch)
	if err != nil {
		return nil, err
	}
	return b.batch(layout, n, batch.NumRows(), nil)
}

// fill copies a batch into a block of its own, of which it takes n bytes.
func (p *Pool) fill(ctx context.Context, layout *table.Layout, batch arrow.RecordBatch) (b *block, n int, err error) {
	size, err := layout.Size(batch)
	if err != nil {
		return nil, 0, err
	}
	if b, err = p.take(ctx, size); err != nil {
		return nil, 0, err
	}
	if n, err = layout.Put(b.data, batch, table.PutOptions{}); err != nil {
		b.give()
		return nil, 0, err
	}
	layout.Blank(b.data[:n]) // a plugin may leave bytes of other tables under nulls
	return b, n, nil
}

// block is memory for one batch.
type block struct {
	pool    *Pool // nil is ordinary memory
	at      int
	data    []byte
	bytes   int // that the batch takes
	rows    int64
	columns []arrow.ArrayData // of the batch, when all of them lie in it
}

// take waits for a block of n bytes. A nil pool has them at once.
func (p *Pool) take(ctx context.Context, n int) (*block, error) {
	if p == nil {
		return ordinary(n), nil
	}
	for {
		b, room, err := p.try(n)
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ordinary memory for a batch.
func ordinary(n int) *block { return &block{data: arena.Shared.Allocate(n)} }

// try takes a block, or returns what tells that another try is worth it.
func (p *Pool) try(n int) (*block, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch err := p.make(); {
	case err != nil:
		return nil, nil, err
	case p.heap && n <= p.size:
		return p.tryHeap(n)
	case n > p.size:
		return ordinary(n), nil, nil
	}
	at, ok := p.space.Take(n)
	if !ok {
		return nil, p.wait(), nil
	}
	p.memory.Ready(at + n)
	return &block{pool: p, at: at, data: p.memory.Bytes()[at : at+n : at+n]}, nil, nil
}

// tryHeap counts ordinary memory as if it were shared.
func (p *Pool) tryHeap(n int) (*block, <-chan struct{}, error) {
	at, ok := p.space.Take(n)
	if !ok {
		return nil, p.wait(), nil
	}
	return &block{pool: p, at: at, data: arena.Shared.Allocate(n)}, nil, nil
}

func (p *Pool) wait() <-chan struct{} {
	if p.room == nil {
		p.room = make(chan struct{})
	}
	return p.room
}

func (p *Pool) wake() {
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
}

// slotBytes is a full batch with its table of buffers, unless it is very wide.
const slotBytes = table.MaxBytes + 64<<10

// make makes the memory before the first batch.
func (p *Pool) make() error {
	if p.closed {
		return ErrPoolClosed
	}
	if p.space != nil {
		return nil
	}
	p.size = p.slots * p.slot
	if p.heap = !arena.Supported; !p.heap {
		memory, err := arena.Make(p.size, arena.MakerWrites)
		if err != nil {
			return fmt.Errorf("memory for the batches of an edge: %w", err)
		}
		p.memory, p.size = memory, len(memory.Bytes())
	}
	p.space = arena.NewSpace(p.size)
	return nil
}

// shrink gives back what the batch does not take.
func (b *block) shrink(n int) {
	b.bytes = n
	if b.pool == nil {
		return
	}
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	if b.pool.space.Shrink(b.at, n) == nil {
		b.pool.wake()
	}
}

// batch reads the batch that was written into the first n bytes of b. It gives b
// back when that fails, and else when the last of its arrays is released.
func (b *block) batch(layout *table.Layout, n int, rows int64, same func(int) (arrow.Array, error)) (arrow.RecordBatch, error) {
	foreign := false
	o := table.GetOptions{Release: b.give}
	if same != nil {
		o.Same = func(from int) (arrow.Array, error) {
			foreign = true
			return same(from)
		}
	}
	b.shrink(n)
	batch, err := layout.Get(b.data[:n:n], rows, o)
	if err != nil {
		b.give()
		return nil, err
	}
	b.rows = rows
	if !foreign && b.pool != nil && b.pool.memory != nil {
		b.pool.know(b, batch)
	}
	return batch, nil
}

// know remembers that a batch lies in b.
func (p *Pool) know(b *block, batch arrow.RecordBatch) {
	if batch.NumCols() == 0 {
		return
	}
	for _, c := range batch.Columns() {
		b.columns = append(b.columns, c.Data())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocks[b.columns[0]] = b
}

// find returns the block that a batch lies in, nil when it lies elsewhere, also
// in part.
func (p *Pool) find(batch arrow.RecordBatch) *block {
	if p == nil || batch.NumCols() == 0 {
		return nil
	}
	p.mu.Lock()
	b := p.blocks[batch.Column(0).Data()]
	p.mu.Unlock()
	if b == nil || b.rows != batch.NumRows() || len(b.columns) != int(batch.NumCols()) {
		return nil
	}
	for i, c := range batch.Columns() {
		if c.Data() != b.columns[i] {
			return nil
		}
	}
	return b
}

// give gives the memory back.
func (b *block) give() {
	p := b.pool
	if p == nil || p.heap {
		arena.Shared.Free(b.data)
	}
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(b.columns) > 0 {
		delete(p.blocks, b.columns[0])
	}
	if p.space.Give(b.at) == nil {
		p.wake()
	}
	p.drop()
}

// one is a batch of one column in ordinary memory.
func one(layout *table.Layout, a arrow.Array) (arrow.RecordBatch, error) {
	batch := array.NewRecordBatch(layout.Schema(), []arrow.Array{a}, int64(a.Len()))
	defer batch.Release()
	b, n, err := (*Pool)(nil).fill(context.Background(), layout, batch)
	if err != nil {
		return nil, err
	}
	return b.batch(layout, n, batch.NumRows(), nil)
}
