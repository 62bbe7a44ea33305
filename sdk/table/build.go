// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// nothing stands for the one offset of an array without rows, which Arrow reads.
var nothing = arrow.Int32Traits.CastToBytes(make([]int32, 1))

// builder makes arrays of memory that has been checked. What they consist of
// comes from a few slices, since a batch may have many small columns.
type builder struct {
	buffers  block[memory.Buffer]
	pointers block[*memory.Buffer]
	data     block[array.Data]
	children block[arrow.ArrayData]
	lease    *lease
}

// newBuilder makes arrays of about so many nodes. With a lease, that is dropped
// when the last of them is released.
func newBuilder(nodes int, l *lease) builder {
	b := builder{lease: l}
	b.pointers.size, b.data.size, b.children.size = 2*nodes, nodes, max(1, nodes/4)
	if b.buffers.size = 2 * nodes; l != nil {
		b.buffers.size = max(1, nodes/4)
	}
	return b
}

// block hands out memory of slices of size elements.
type block[T any] struct {
	free []T
	size int
}

func (b *block[T]) take(n int) []T {
	if len(b.free) < n {
		b.free = make([]T, max(n, b.size))
	}
	out := b.free[:n:n]
	b.free = b.free[n:]
	return out
}

// column makes the array of a column.
func (b *builder) column(n *node, c *column) arrow.Array {
	if !n.nested() {
		return array.MakeFromData(b.node(&n.leaf, &c.self, nil))
	}
	child := b.node(&n.child, &c.child, nil)
	if n.form != formKeys {
		children := b.children.take(1)
		children[0] = child
		return array.MakeFromData(b.node(&n.leaf, &c.self, children))
	}
	data := b.node(&n.leaf, &c.self, nil)
	data.SetDictionary(child)
	keys := array.NewDictionaryData(data)
	keys.Dictionary() // Arrow makes it at the first call, and goroutines may share the batch
	return keys
}

// node makes the data of one node.
func (b *builder) node(l *leaf, s *buffers, children []arrow.ArrayData) *array.Data {
	buffers := b.pointers.take(l.buffers())
	if s.nulls > 0 {
		buffers[0] = b.buffer(s.validity)
	}
	switch l.form {
	case formFixed, formBits, formKeys:
		buffers[1] = b.leased(s.values)
	case formText, formBytes:
		buffers[1], buffers[2] = b.leased(offsetsOf(s)), b.buffer(s.values)
	case formList:
		buffers[1] = b.leased(offsetsOf(s))
	}
	data := &b.data.take(1)[0]
	data.Reset(l.typ, s.rows, buffers, children, s.nulls, 0)
	if l.form != formArray {
		buffers[1].Release() // the data holds it now
	}
	return data
}

// buffers is the number of buffers that Arrow has for a type.
func (l *leaf) buffers() int {
	switch l.form {
	case formText, formBytes:
		return 3
	case formArray:
		return 1
	}
	return 2
}

func offsetsOf(s *buffers) []byte {
	if len(s.offsets) == 0 {
		return nothing
	}
	return s.offsets
}

// buffer wraps memory that needs no release.
func (b *builder) buffer(bytes []byte) *memory.Buffer {
	buf := &b.buffers.take(1)[0]
	buf.Reset(bytes)
	return buf
}

// leased wraps the memory of a node that holds the lease. A fixed-size list
// leaves that to its values.
func (b *builder) leased(bytes []byte) *memory.Buffer {
	if b.lease == nil {
		return b.buffer(bytes)
	}
	return b.lease.buffer(bytes)
}

// lease calls release when the last buffer that holds it is released. It is an
// allocator because that is whom Arrow tells.
type lease struct {
	held    atomic.Int64
	release func()
}

// newLease is held by its maker.
func newLease(release func()) *lease {
	if release == nil {
		return nil
	}
	l := &lease{release: release}
	l.held.Store(1)
	return l
}

// buffer makes a buffer that holds the lease until it is released.
func (l *lease) buffer(bytes []byte) *memory.Buffer {
	l.held.Add(1)
	return memory.NewBufferWithAllocator(bytes, l)
}

// drop gives up one hold.
func (l *lease) drop() {
	if l != nil && l.held.Add(-1) == 0 {
		l.release()
	}
}

// cancel forgets whom to tell. Only the maker of the lease may call it, before
// anybody else has a buffer of it.
func (l *lease) cancel() {
	if l != nil {
		l.release = func() {}
	}
}

// Free is called by Arrow.
func (l *lease) Free([]byte) { l.drop() }

// Allocate and Reallocate are not called: the buffers cannot grow.
func (l *lease) Allocate(n int) []byte             { return make([]byte, n) }
func (l *lease) Reallocate(n int, b []byte) []byte { return append(make([]byte, 0, n), b...)[:n] }

// recovered counts panics of Arrow's constructors. Check is meant to leave
// nothing for them to find, so tests want it to be 0.
var recovered atomic.Int64

// rescue is the last net under memory of strangers.
func rescue(err *error) {
	if r := recover(); r != nil {
		recovered.Add(1)
		*err = fmt.Errorf("arrays cannot be made of it: %v", r)
	}
}
