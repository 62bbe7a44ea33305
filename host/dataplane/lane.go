// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"sync"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// maxInputs is how many input arenas a plugin has mapped on one lane.
const maxInputs = 8

// lane is the way of batches of one call at a time. Its memory is kept from call
// to call.
type lane struct {
	side     *Side
	id       uint32
	call     uint32 // number of the call
	conn     *arena.Conn
	output   *arena.Memory
	own      *Pool // input batches that lie elsewhere
	reserved int

	mu     sync.Mutex
	inputs [maxInputs]handed // that the plugin has mapped
	gone   []*Pool           // of these, those that were closed
	last   int               // index last given
	number uint64            // of arenas given
	busy   bool
}

// handed is an input arena of a lane, with a number that is used once.
type handed struct {
	pool   *Pool
	number uint64
}

// begin starts a call and returns what Open.lane tells of it.
func (l *lane) begin() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = true
	l.call++
	return uint64(l.id)<<32 | uint64(l.call)
}

// index returns the number under which the plugin has the memory of a pool, and
// gives it to the plugin before.
func (l *lane) index(p *Pool) (uint32, error) {
	i, given, err := l.give(p)
	if given {
		p.onClose(func() { l.lost(p) })
	}
	return i, err
}

// give also reports whether the plugin did not have the memory before.
func (l *lane) give(p *Pool) (at uint32, given bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, known := range l.inputs {
		if known.pool == p {
			return uint32(i), false, nil
		}
	}
	// A call uses two of them at most, so the next place is not in use.
	i := (l.last + 1) % maxInputs
	l.number++
	m := arena.Message{Kind: arena.Input, Index: uint32(i), Call: l.call, Seq: l.number, Bytes: uint64(len(p.memory.Bytes()))}
	if err := l.conn.SendFile(m, p.memory.File()); err != nil {
		return 0, false, err
	}
	l.inputs[i], l.last = handed{p, l.number}, i
	return uint32(i), true, nil
}

// lost is called when a pool was closed. The plugin need not keep its memory.
func (l *lane) lost(p *Pool) {
	l.mu.Lock()
	l.gone = append(l.gone, p)
	busy := l.busy
	l.mu.Unlock()
	if !busy {
		l.forget()
	}
}

// forget has an idle plugin give up the memory of pools that were closed.
func (l *lane) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	for _, p := range l.gone {
		for i, known := range l.inputs {
			if known.pool == p {
				l.inputs[i] = handed{}
				_ = l.side.tell(arena.Message{Kind: arena.Input, Index: uint32(i), Seq: known.number, Call: l.id}, nil)
			}
		}
	}
	l.gone = nil
}

// ownPool returns memory for input batches that lie in no pool.
func (l *lane) ownPool(layout *table.Layout) *Pool {
	slot := max(slotBytes, layout.SlotBytes())
	if l.own != nil && l.own.slot >= slot {
		return l.own
	}
	if l.own != nil {
		l.own.Close()
	}
	l.own = newPool(l.side.options.Slots, slot)
	return l.own
}

// provide makes sure of an output arena for batches of a schema, and tells the
// plugin that it may write.
func (l *lane) provide(layout *table.Layout) error {
	// Behind a batch stand the origins of its rows.
	need := l.side.options.Slots * (layout.SlotBytes() + 8*table.MaxRows + arena.Page)
	m := arena.Message{Kind: arena.Output, Call: l.call}
	if l.output != nil && len(l.output.Bytes()) >= need {
		m.Bytes = uint64(len(l.output.Bytes()))
		return l.conn.Send(m)
	}
	if l.output != nil {
		_ = l.output.Close()
		l.output = nil
	}
	memory, err := arena.Make(need, arena.ReaderWrites)
	if err != nil {
		return err
	}
	l.output = memory
	m.Bytes = uint64(len(memory.Bytes()))
	return l.conn.SendFile(m, memory.File())
}

// close gives everything back. Batches that the host still holds do not lie in
// the memory of a lane.
func (l *lane) close() {
	_ = l.conn.Close()
	if l.output != nil {
		_ = l.output.Close()
	}
	if l.own != nil {
		l.own.Close()
	}
}
