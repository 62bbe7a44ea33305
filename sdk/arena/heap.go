// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"math/bits"
	"sync"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Heap is ordinary memory for large arrays. What is freed is kept and handed out
// again, up to Keep bytes, and large blocks have huge pages where the system
// gives them: fresh memory costs several times what it costs to fill it. Memory
// that is never freed is left to the collector. The content of memory is what
// its last user left, since a zeroed block would be written twice; Allocate of
// arrow's interface promises no more. It is safe for concurrent use.
type Heap struct {
	// Keep is the most that is kept in bytes; 0 is DefaultKeep.
	Keep int

	mu   sync.Mutex
	free map[int][][]byte // by capacity
	kept int
}

// DefaultKeep is what a Heap keeps, in bytes.
const DefaultKeep = 64 << 20

// recycled is the least size that is worth keeping, in bytes.
const recycled = 64 << 10

// Shared is the heap of this process.
var Shared = &Heap{}

var _ memory.Allocator = (*Heap)(nil)

// class rounds a size up to one of four steps between powers of two.
func class(n int) int {
	step := 1 << max(bits.Len(uint(n-1))-3, 12)
	return (n + step - 1) / step * step
}

// Allocate returns n bytes at a multiple of 64.
func (h *Heap) Allocate(n int) []byte {
	if n < recycled {
		return memory.DefaultAllocator.Allocate(n)
	}
	size := class(n)
	if b := h.take(size); b != nil {
		return b[:n]
	}
	b := make([]byte, size)
	advise(b)
	return b[:n]
}

func (h *Heap) take(size int) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.free[size]
	if len(list) == 0 {
		return nil
	}
	b := list[len(list)-1]
	h.free[size] = list[:len(list)-1]
	h.kept -= size
	return b
}

// Free takes back what Allocate returned.
func (h *Heap) Free(b []byte) {
	size := cap(b)
	if size < recycled || class(size) != size || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%64 != 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := h.Keep
	if limit == 0 {
		limit = DefaultKeep
	}
	if h.kept+size > limit {
		return
	}
	if h.free == nil {
		h.free = map[int][][]byte{}
	}
	h.free[size] = append(h.free[size], b[:size])
	h.kept += size
}

// Reallocate returns n bytes that begin with those of b.
func (h *Heap) Reallocate(n int, b []byte) []byte {
	if n <= cap(b) && cap(b) >= recycled {
		return b[:n]
	}
	out := h.Allocate(n)
	copy(out, b)
	h.Free(b)
	return out
}
