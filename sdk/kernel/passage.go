// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// passage carries the batches of one call over a lane. A kernel may read and
// write from different goroutines: whoever waits for something reads the lane
// when nobody else does, and leaves to others what is theirs.
type passage struct {
	ctx    context.Context
	lane   *lane
	number uint32
	to     *transformSender // nil for a fit
	input  *table.Layout
	texts  bool // the input has texts that the kernel may keep
	stop   func() bool

	mu      sync.Mutex
	turn    *sync.Cond
	reading bool
	queue   []arena.Message // input batches that nobody has read
	ended   bool            // of the input
	err     error
	over    bool // the kernel has returned

	current *arrival
	open    map[uint64]*arrival // input batches that are not done
	keeping bool

	out     *table.Layout // nil before the output was declared
	granted bool          // the output arena may be written
	writing
}

// arrival is an input batch that lies in shared memory.
type arrival struct {
	seq     uint64
	batch   arrow.RecordBatch
	columns []column
}

// column is one of an arrival, with the address of its memory.
type column struct {
	at   uintptr
	data arrow.ArrayData
}

// pass begins a call on the lane that the host names.
func (s *Service) pass(ctx context.Context, name uint64, input *arrow.Schema, to *transformSender) (*passage, error) {
	layout, err := table.NewLayout(input)
	if err != nil {
		return nil, err
	}
	l, err := s.socket.lane(ctx, uint32(name>>32))
	if err != nil {
		return nil, err
	}
	if err := l.enter(); err != nil {
		return nil, err
	}
	p := &passage{ctx: ctx, lane: l, number: uint32(name), to: to, input: layout, open: map[uint64]*arrival{}}
	for _, f := range input.Fields() {
		p.texts = p.texts || hasTexts(f.Type)
	}
	p.turn = sync.NewCond(&p.mu)
	p.stop = context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
	return p, nil
}

// await reads the lane until ready is true. The lock is held by the caller, and
// while ready is called.
func (p *passage) await(ready func() bool) error {
	for !ready() {
		if p.err != nil {
			return p.err
		}
		if p.reading {
			p.turn.Wait()
			continue
		}
		p.read()
	}
	return nil
}

// read reads one message and takes it. The lock is held, but not while waiting.
func (p *passage) read() {
	p.reading = true
	p.mu.Unlock()
	m, file, err := p.lane.conn.ReceiveFile()
	p.mu.Lock()
	p.reading = false
	if err == nil {
		err = p.take(m, file)
	}
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("the batches of this call: %w", err)
		if p.ctx.Err() != nil {
			p.err = context.Cause(p.ctx)
		}
	}
	p.turn.Broadcast()
}

// take handles one message. Those of calls before are left over.
func (p *passage) take(m arena.Message, file *os.File) error {
	if m.Kind == arena.Input {
		return p.lane.give(m, file)
	}
	if m.Call != p.number {
		// The memory that a former call did not wait for stays the lane's.
		if m.Kind == arena.Output && file != nil {
			return p.lane.takeOutput(m, file)
		}
		return closeIf(file)
	}
	switch {
	case m.Kind == arena.Output:
		err := p.grant(m, file)
		p.granted = err == nil
		return err
	case file != nil:
		_ = file.Close()
	case m.Kind == arena.Batch && !p.ended:
		p.queue = append(p.queue, m)
		return nil
	case m.Kind == arena.End:
		p.ended = true
		return nil
	case m.Kind == arena.Free:
		return p.freed(int(m.At))
	}
	return fmt.Errorf("a message of kind %d on a lane", m.Kind)
}

func closeIf(file *os.File) error {
	if file == nil {
		return nil
	}
	return file.Close()
}

// give maps an input arena in place of another.
func (l *lane) give(m arena.Message, file *os.File) error {
	if m.Index >= uint32(len(l.inputs)) || file == nil {
		return errors.Join(fmt.Errorf("input arena %d of %d", m.Index, len(l.inputs)), closeIf(file))
	}
	memory, err := arena.Open(file, int(m.Bytes), false)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inputs[m.Index].close()
	l.inputs[m.Index] = input{memory: memory, number: m.Seq}
	return nil
}

// next gives the next input batch, and back the one before.
func (p *passage) next() (arrow.RecordBatch, error) {
	p.release()
	m, keeping, err := p.receive()
	if err != nil {
		return nil, err
	}
	data, err := p.lane.part(m)
	if err != nil {
		return nil, err
	}
	a := &arrival{seq: m.Seq}
	if keeping {
		a.batch, err = p.copied(m, data)
	} else {
		err = p.arrive(a, m, data)
	}
	if err != nil {
		return nil, err
	}
	p.current = a
	return a.batch, nil
}

// receive waits for the next input batch.
func (p *passage) receive() (m arena.Message, keeping bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.await(func() bool { return len(p.queue) > 0 || p.ended }); err != nil {
		return m, false, err
	}
	if len(p.queue) == 0 {
		return m, false, io.EOF
	}
	m = p.queue[0]
	p.queue = p.queue[1:]
	p.open[m.Seq] = &arrival{seq: m.Seq}
	return m, p.keeping, nil
}

// release gives the batch back that was read last. A kernel that keeps it gets
// copies from now on: else it could wait for memory that it has itself.
func (p *passage) release() {
	a := p.current
	if a == nil {
		return
	}
	p.current = nil
	a.batch.Release()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[a.seq] != nil {
		p.keeping = true
	}
}

func (p *passage) borrow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts = false
}

func (p *passage) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keeping = true
}

// arrive reads a batch where it lies. The lock is not held: a batch without
// memory is done at once.
func (p *passage) arrive(a *arrival, m arena.Message, data []byte) (err error) {
	a.batch, err = p.input.Get(data, int64(m.Rows), table.GetOptions{Trusted: true, Release: func() { p.done(m.Seq) }})
	if err != nil {
		return err
	}
	if p.texts {
		a.batch = ownTexts(a.batch)
	}
	a.columns = make([]column, a.batch.NumCols())
	for i, c := range a.batch.Columns() {
		a.columns[i] = column{base(c.Data()), c.Data()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[m.Seq] != nil {
		p.open[m.Seq] = a
	}
	return nil
}

// copied puts a batch into memory of this process, which is used again when it has
// no texts.
func (p *passage) copied(m arena.Message, data []byte) (arrow.RecordBatch, error) {
	own := arena.Shared.Allocate(len(data))
	copy(own, data)
	p.done(m.Seq)
	o := table.GetOptions{Trusted: true}
	if !p.texts {
		o.Release = func() { arena.Shared.Free(own) }
	}
	return p.input.Get(own[:len(data):len(data)], int64(m.Rows), o)
}

// part is the memory of a batch.
func (l *lane) part(m arena.Message) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Index >= uint32(len(l.inputs)) || l.inputs[m.Index].memory == nil {
		return nil, fmt.Errorf("a batch in input arena %d, which was not given", m.Index)
	}
	l.inputs[m.Index].used = true
	all := l.inputs[m.Index].memory.Bytes()
	if m.At > uint64(len(all)) || m.Bytes > uint64(len(all))-m.At {
		return nil, fmt.Errorf("a batch of %d bytes at %d of an arena of %d", m.Bytes, m.At, len(all))
	}
	return all[m.At : m.At+m.Bytes : m.At+m.Bytes], nil
}

// done tells that a batch is read no more. When the kernel has returned, finish
// tells it.
func (p *passage) done(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[seq] == nil || p.over {
		return
	}
	delete(p.open, seq)
	// A lane that is gone shows when it is read.
	_ = p.lane.conn.Send(arena.Message{Kind: arena.Done, Call: p.number, Seq: seq})
}

// finish ends the call on the lane, when the kernel has returned: nothing of it
// may use the memory of a batch any more. What broke the lane shows on the stream
// of the call, too.
func (p *passage) finish() {
	p.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for _, m := range p.queue { // that it did not read
		p.open[m.Seq] = nil
	}
	for seq := range p.open {
		_ = p.lane.conn.Send(arena.Message{Kind: arena.Done, Call: p.number, Seq: seq})
	}
	clear(p.open)
	_ = p.lane.conn.Send(arena.Message{Kind: arena.End, Call: p.number})
	p.stop()
	p.lane.leave()
}
