// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// pipe hands batches from one stage to the next, which runs in a goroutine of
// its own while the first one waits.
type pipe struct {
	from     *stage
	parents  *ancestry // of the rows that come in
	children *ancestry // of those that go out: rows of the next stage
	start    func(*arrow.Schema)
	started  bool
	pieces   chan arrow.RecordBatch
	taken    chan struct{} // the next stage wants another batch
	left     chan struct{} // the next stage has ended
	leaving  error
	closing  error
	has      bool // the next stage has a batch
	rows     int64
}

func newPipe(from *stage, parents *ancestry) *pipe {
	return &pipe{from: from, parents: parents, children: &ancestry{},
		pieces: make(chan arrow.RecordBatch), taken: make(chan struct{}), left: make(chan struct{})}
}

func (p *pipe) declare(schema *arrow.Schema) error {
	p.started = true
	go p.start(schema)
	return nil
}

func (*pipe) allocator() memory.Allocator { return arena.Shared }

// write hands a batch over and waits until the next stage is done with it. A
// stage that has ended without an error takes no more, which its count shows.
func (p *pipe) write(batch arrow.RecordBatch, from lineage) error {
	from, err := p.from.origins(p.parents, from, p.rows, batch.NumRows())
	if err != nil {
		return err
	}
	p.children.read(p.rows, batch.NumRows(), from)
	p.rows += batch.NumRows()
	select {
	case p.pieces <- batch:
	case <-p.left:
		return p.leftWith()
	}
	select {
	case <-p.taken:
		return nil
	case <-p.left:
		return p.leftWith()
	}
}

func (p *pipe) leftWith() error {
	if p.leaving != nil {
		return errAfter
	}
	return nil
}

// leave is called when the next stage has ended.
func (p *pipe) leave(err error) {
	p.leaving = err
	close(p.left)
}

// close is called when the first stage has ended, and waits for the next one.
func (p *pipe) close(err error) {
	p.closing = err
	close(p.pieces)
	if p.started {
		<-p.left
	}
	if p.leaving != nil && err == nil {
		p.from.err = errAfter
	}
}

func (p *pipe) next() (arrow.RecordBatch, error) {
	if p.has {
		p.has = false
		p.taken <- struct{}{}
	}
	batch, ok := <-p.pieces
	if ok {
		p.has = true
		return batch, nil
	}
	if p.closing != nil {
		return nil, errBefore
	}
	return nil, io.EOF
}

func (p *pipe) keep() { p.from.in.from.keep() }

// borrow speaks for one stage only: another may keep what passes through.
func (*pipe) borrow() {}
