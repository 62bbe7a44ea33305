// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// writing is the output half of a passage. Its fields are guarded by the lock of
// that.
type writing struct {
	memory   []byte // the output arena
	space    *arena.Space
	flying   map[int]*slot // output batches that the host has not copied, by place
	slots    []*slot       // that arrays were built in and may still be
	building *slot
	largest  int // bytes of the largest batch of late
}

// grant takes an output arena; without a file the one that is there.
func (p *passage) grant(m arena.Message, file *os.File) error {
	if file != nil {
		if err := p.lane.takeOutput(m, file); err != nil {
			return err
		}
	}
	if p.lane.output == nil {
		return errors.New("the host gave no memory for the output")
	}
	p.memory = p.lane.output.Bytes()
	p.space, p.flying = arena.NewSpace(len(p.memory)), map[int]*slot{}
	return nil
}

// freed takes back the memory of a batch that the host has copied. Arrays that
// were built in it may live on.
func (p *passage) freed(at int) error {
	s := p.flying[at]
	if s == nil {
		return fmt.Errorf("the host freed output memory at %d, where it had none", at)
	}
	delete(p.flying, at)
	return p.settle(s)
}

// declare tells the columns of the output. The host answers with memory.
func (p *passage) declare(schema *arrow.Schema) error {
	layout, err := table.NewLayout(schema)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.out = layout
	p.mu.Unlock()
	return p.to.schema(schema)
}

// write puts a batch into the output arena and tells the host.
func (p *passage) write(batch arrow.RecordBatch, from lineage) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.await(func() bool { return p.granted && len(p.flying) < arena.Ahead }); err != nil {
		return err
	}
	same := p.source(batch)
	o := table.PutOptions{}
	if same != nil {
		o.Same = same.find
	}
	s, n, err := p.put(batch, o, 8*len(from.list)+8)
	if errors.Is(err, errSplit) {
		return p.halves(batch, from)
	}
	if err != nil {
		return err
	}
	m := arena.Message{Kind: arena.Batch, Call: p.number, At: uint64(s.at), Bytes: uint64(n), Rows: uint64(batch.NumRows())}
	if same != nil {
		m.Same = same.seq
	}
	n = p.trace(&m, s.at, n, from)
	s.sent, p.largest = true, max(n, p.largest-p.largest/64)
	if err := p.trim(s, n); err != nil {
		return err
	}
	p.flying[s.at] = s
	return p.lane.conn.Send(m)
}

// trim gives back what a batch of n bytes left of its slot. A large one leaves no
// place that another slot would fit into, and a smaller place than its slot when it
// comes back: so it keeps all.
func (p *passage) trim(s *slot, n int) error {
	if n > len(s.data)/2 {
		return nil
	}
	s.data = s.data[:n:n]
	return p.space.Shrink(s.at, n)
}

// trace adds the origins of rows, behind the n bytes of the batch when they are
// listed. It returns how many bytes there are then.
func (p *passage) trace(m *arena.Message, at, n int, from lineage) int {
	switch {
	case !from.told:
		return n
	case from.list == nil:
		m.Origins, m.Origin = arena.Consecutive, uint64(from.first)
		return n
	}
	n = (n + 7) &^ 7
	m.Origins, m.Origin = arena.Listed, uint64(at+n)
	to := p.memory[at+n : at+n+8*len(from.list)]
	for i, row := range from.list {
		binary.LittleEndian.PutUint64(to[8*i:], uint64(row))
	}
	return n + len(to)
}

// errSplit says that there is room for a part of a batch only.
var errSplit = errors.New("no room for the whole batch")

// put puts a batch where its arrays were built, or copies it. Behind it there is
// room for extra bytes.
func (p *passage) put(batch arrow.RecordBatch, o table.PutOptions, extra int) (*slot, int, error) {
	if s := p.building; s != nil && s.covered(batch) {
		o.Free = s.next
		n, err := p.out.Put(s.data[:len(s.data)-extra], batch, o)
		if err == nil {
			p.building = nil
			return s, n, nil
		}
		if !errors.Is(err, table.ErrNoRoom) {
			return nil, 0, err
		}
		o.Free = 0
	}
	size, err := p.out.Size(batch)
	if err != nil {
		return nil, 0, err
	}
	s, err := p.room(size + extra)
	if err != nil {
		return nil, 0, err
	}
	n, err := p.out.Put(s.data[:size], batch, o)
	if err != nil {
		return nil, 0, errors.Join(err, p.space.Give(s.at))
	}
	return s, n, nil
}

// room waits for memory. Memory that the host has comes back; when it has none,
// waiting would be in vain.
func (p *passage) room(n int) (*slot, error) {
	at, ok := p.space.Take(n)
	for !ok {
		before := len(p.flying)
		if before == 0 {
			return nil, errSplit
		}
		if err := p.await(func() bool { return len(p.flying) < before }); err != nil {
			return nil, err
		}
		at, ok = p.space.Take(n)
	}
	p.lane.output.Ready(at + n)
	return &slot{at: at, data: p.memory[at : at+n : at+n]}, nil
}

// halves writes a batch in two parts. The lock is held, and given up meanwhile.
func (p *passage) halves(batch arrow.RecordBatch, from lineage) error {
	rows := batch.NumRows()
	if rows < 2 {
		return fmt.Errorf("the arrays that the kernel keeps in shared memory leave no room for a batch of %d rows; release arrays after they are written", rows)
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	for _, cut := range [2][2]int64{{0, rows / 2}, {rows / 2, rows}} {
		half := batch.NewSlice(cut[0], cut[1])
		err := p.write(half, from.cut(int(cut[0]), int(cut[1]-cut[0])))
		half.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// source returns the input batch that columns of an output are taken from; nil
// when they are from none.
func (p *passage) source(batch arrow.RecordBatch) *arrival {
	for _, a := range p.open {
		if len(a.columns) == 0 || a.columns[0].data.Len() != int(batch.NumRows()) || batch.NumRows() == 0 {
			continue
		}
		for i, c := range batch.Columns() {
			if _, ok := a.find(i, c); ok {
				return a
			}
		}
	}
	return nil
}

// find finds the column of an arrival that is an array, whole and unchanged. It
// looks first where the array stands in the output.
func (a *arrival) find(i int, c arrow.Array) (int, bool) {
	data := c.Data()
	at := base(data)
	if at == 0 {
		return 0, false
	}
	if i < len(a.columns) && a.columns[i].at == at && identical(a.columns[i].data, data) {
		return i, true
	}
	for i, own := range a.columns {
		if own.at == at && identical(own.data, data) {
			return i, true
		}
	}
	return 0, false
}

// base is the address of the first memory of an array; 0 when it has none.
func base(d arrow.ArrayData) uintptr {
	for i := len(d.Buffers()) - 1; i >= 0; i-- {
		if at := start(d.Buffers()[i]); at != 0 {
			return at
		}
	}
	for _, child := range d.Children() {
		if at := base(child); at != 0 {
			return at
		}
	}
	return 0
}

func start(b *memory.Buffer) uintptr {
	if b == nil || b.Len() == 0 {
		return 0
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(b.Bytes())))
}

// identical reports whether two arrays are the same memory.
func identical(a, b arrow.ArrayData) bool {
	if a == b {
		return true
	}
	if a.Len() != b.Len() || a.Offset() != b.Offset() || !arrow.TypeEqual(a.DataType(), b.DataType()) ||
		len(a.Buffers()) != len(b.Buffers()) || len(a.Children()) != len(b.Children()) || a.Dictionary() != b.Dictionary() {
		return false
	}
	for i, buffer := range a.Buffers() {
		if start(buffer) != start(b.Buffers()[i]) || start(buffer) == 0 && i == 0 && (a.NullN() > 0) != (b.NullN() > 0) {
			return false
		}
	}
	for i, child := range a.Children() {
		if !identical(child, b.Children()[i]) {
			return false
		}
	}
	return true
}

// takeOutput maps a new output arena in the place of the old one.
func (l *lane) takeOutput(m arena.Message, file *os.File) error {
	if old := l.output; old != nil {
		l.output = nil
		if err := old.Close(); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	var err error
	l.output, err = arena.Open(file, int(m.Bytes), true)
	return err
}
