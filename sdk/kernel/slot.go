// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"slices"
	"sort"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// slot is a part of the output arena that holds one batch.
type slot struct {
	at   int
	data []byte
	next int     // first byte that no array was built in
	live []piece // that were built in it, rising
	sent bool
}

// piece is memory of one array, or of several.
type piece struct{ at, length int }

const align = 64

// take reserves n bytes; -1 when there is no room.
func (s *slot) take(n int) int {
	at := (s.next + align - 1) &^ (align - 1)
	if n > len(s.data)-at {
		return -1
	}
	s.next = at + n
	s.live = append(s.live, piece{at, n})
	return at
}

// find returns the index of the piece that a place is in; -1 when there is none.
func (s *slot) find(at int) int {
	i := sort.Search(len(s.live), func(i int) bool { return s.live[i].at > at }) - 1
	if i < 0 || at >= s.live[i].at+s.live[i].length {
		return -1
	}
	return i
}

// place finds memory in the slot; -1 when it lies elsewhere.
func (s *slot) place(b []byte) int {
	if cap(b) == 0 || len(s.data) == 0 {
		return -1
	}
	from, to := address(s.data), address(b)
	if to < from || to-from >= uintptr(len(s.data)) {
		return -1
	}
	return int(to - from)
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// covered reports whether a batch uses all the arrays that live in a slot, so
// that the slot can go with it.
func (s *slot) covered(batch arrow.RecordBatch) bool {
	if len(s.live) == 0 {
		return false
	}
	used := make([]bool, len(s.live))
	for _, c := range batch.Columns() {
		s.mark(used, c.Data())
	}
	return !slices.Contains(used, false)
}

func (s *slot) mark(used []bool, d arrow.ArrayData) {
	for _, b := range d.Buffers() {
		if b == nil {
			continue
		}
		if at := s.place(b.Buf()); at >= 0 {
			if i := s.find(at); i >= 0 {
				used[i] = true
			}
		}
	}
	for _, child := range d.Children() {
		s.mark(used, child)
	}
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		s.mark(used, dict)
	}
}

// allocator is memory inside the output arena, and ordinary memory beyond.
func (p *passage) allocator() memory.Allocator { return building{p} }

// building is the allocator of a passage.
type building struct{ p *passage }

// Allocate returns memory of the slot that the next batch goes into.
func (b building) Allocate(n int) []byte {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if s := b.p.slot(); s != nil && n > 0 {
		if at := s.take(n); at >= 0 {
			b.p.lane.output.Ready(s.at + at + n)
			return s.data[at : at+n : at+n]
		}
	}
	return arena.Shared.Allocate(n)
}

// slot is the one that the next batch is built in; nil when there is none.
func (p *passage) slot() *slot {
	if s := p.building; s != nil && (len(s.live) > 0 || len(s.data) >= p.likely()) {
		return s
	}
	if p.out == nil || p.over || p.await(func() bool { return p.granted }) != nil {
		return nil
	}
	for p.abandon(); !p.begin(); {
		before := len(p.slots)
		if !slices.ContainsFunc(p.slots, p.returning) || p.await(func() bool { return len(p.slots) < before }) != nil {
			return nil
		}
	}
	return p.building
}

// abandon gives back a slot in which nothing was built.
func (p *passage) abandon() {
	if s := p.building; s != nil {
		p.building, s.sent = nil, true
		_ = p.settle(s) // a slot that is taken can be given
	}
}

// begin takes a slot, and reports false when there is no room for it. A third of the
// arena is always left to batches that are copied into it.
func (p *passage) begin() bool {
	share := p.space.Size() / 3 * 2
	size := min(p.likely(), share)
	for _, s := range p.slots {
		share -= len(s.data)
	}
	if size > share {
		return false
	}
	at, ok := p.space.Take(size)
	if !ok {
		return false
	}
	p.building = &slot{at: at, data: p.memory[at : at+size : at+size], next: p.out.HeaderBytes()}
	p.slots = append(p.slots, p.building)
	return true
}

// likely is how much memory the next batch takes: most are about as large as those
// before.
func (p *passage) likely() int {
	most := p.out.SlotBytes() + 8*table.MaxRows
	if p.largest == 0 {
		return most
	}
	return min(most, p.largest+p.largest/8+arena.Page)
}

// returning reports whether a slot comes back when the host has copied it.
func (p *passage) returning(s *slot) bool { return s.sent && len(s.live) == 0 && p.flying[s.at] == s }

// Free takes back what Allocate returned.
func (b building) Free(data []byte) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if (&slot{data: b.p.memory}).place(data) < 0 {
		arena.Shared.Free(data)
		return
	}
	for _, s := range b.p.slots {
		if at := s.place(data); at >= 0 && !b.p.over {
			s.free(at)
			_ = b.p.settle(s) // a slot that is taken can be given
			return
		}
	}
}

// free takes one array out.
func (s *slot) free(at int) {
	i := s.find(at)
	if i < 0 {
		return
	}
	if n := s.live[i].length; !s.sent && at+n == s.next {
		s.next = at
	}
	s.live = slices.Delete(s.live, i, i+1)
}

// settle gives a slot back when its batch was copied and nothing lives in it.
func (p *passage) settle(s *slot) error {
	if !s.sent || len(s.live) > 0 || p.flying[s.at] == s {
		return nil
	}
	p.slots = slices.DeleteFunc(p.slots, func(o *slot) bool { return o == s })
	return p.space.Give(s.at)
}

// Reallocate returns n bytes that begin with those of data.
func (b building) Reallocate(n int, data []byte) []byte {
	if b.extend(n, data) {
		return unsafe.Slice(unsafe.SliceData(data), n)
	}
	out := b.Allocate(n)
	copy(out, data)
	b.Free(data)
	return out
}

// extend resizes the array that was built last, where it lies.
func (b building) extend(n int, data []byte) bool {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	s := b.p.building
	if s == nil {
		return false
	}
	at := s.place(data)
	i := s.find(at)
	switch {
	case at < 0 || i < 0 || s.live[i].at != at:
		return false
	case at+s.live[i].length != s.next:
		return n <= s.live[i].length
	case n > len(s.data)-at:
		return false
	}
	s.live[i].length, s.next = n, at+n
	b.p.lane.output.Ready(s.at + at + n)
	return true
}
