// SPDX-License-Identifier: Apache-2.0

package source

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// recycler hands the memory of released batches out again: touching fresh pages
// costs more than filling them. It implements memory.Allocator, and what it
// allocates is not zeroed.
type recycler struct {
	mu   sync.Mutex
	free map[int][][]byte // by the power of two that is the capacity
	held int
}

// recyclerBytes bounds what waits to be used again.
const recyclerBytes = 32 << 20

func newRecycler() *recycler { return &recycler{free: map[int][][]byte{}} }

// Allocate returns n bytes.
func (r *recycler) Allocate(n int) []byte {
	class := max(6, bits.Len(uint(max(n, 1)-1)))
	r.mu.Lock()
	defer r.mu.Unlock()
	if list := r.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		r.free[class] = list[:len(list)-1]
		r.held -= cap(b)
		return b[:n]
	}
	return make([]byte, n, 1<<class)
}

// Reallocate returns n bytes that begin with those of b.
func (r *recycler) Reallocate(n int, b []byte) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	out := r.Allocate(n)
	copy(out, b)
	r.Free(b)
	return out
}

// Free takes b back.
func (r *recycler) Free(b []byte) {
	n := cap(b)
	if n < 64 || n&(n-1) != 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held+n > recyclerBytes {
		return
	}
	class := bits.Len(uint(n - 1))
	r.free[class] = append(r.free[class], b[:n])
	r.held += n
}

var _ memory.Allocator = (*recycler)(nil)
