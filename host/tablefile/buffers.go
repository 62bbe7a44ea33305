// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"sync"
	"unsafe"
)

// maxKept bounds the memory that waits for its next use, in bytes, over all
// files of the process. More is made when more batches are in use at once, and
// goes to the garbage collector.
const maxKept = 32 << 20

// grain is what the sizes of buffers are rounded up to, so that batches of about
// one size share buffers.
const grain = 64 << 10

// freeList keeps buffers for their next use. Unlike a sync.Pool it is bounded,
// and its memory is warm also after a garbage collection: page faults, not
// copies, are what a fresh buffer costs.
type freeList struct {
	mu   sync.Mutex
	free [][]byte
	kept int
}

var buffers freeList

// get returns n bytes at an address that is a multiple of 64. What is in them
// is left over from their last use.
func (l *freeList) get(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := -1
	for i, b := range l.free {
		// A buffer far too large would be missed by the batch that it is made for.
		if cap(b) >= n && cap(b) <= 4*n+grain && (best < 0 || cap(b) < cap(l.free[best])) {
			best = i
		}
	}
	if best < 0 {
		return alignedBytes(n)
	}
	out := l.free[best]
	last := len(l.free) - 1
	l.free[best], l.free[last] = l.free[last], nil
	l.free, l.kept = l.free[:last], l.kept-cap(out)
	return out[:n]
}

// put gives a buffer of get back. When too much is kept, the oldest goes.
func (l *freeList) put(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cap(b) > maxKept {
		return
	}
	l.free, l.kept = append(l.free, b[:0]), l.kept+cap(b)
	for l.kept > maxKept {
		l.kept -= cap(l.free[0])
		copy(l.free, l.free[1:])
		l.free[len(l.free)-1] = nil
		l.free = l.free[:len(l.free)-1]
	}
}

// alignedBytes makes n bytes whose capacity is a multiple of grain.
func alignedBytes(n int) []byte {
	size := max(1, (n+grain-1)/grain) * grain
	b := make([]byte, size+align)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (align - 1)
	return b[skip : skip+n : skip+size]
}
