// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// GetOptions are what the reader of a batch has besides its memory.
type GetOptions struct {
	// Same returns column from of the input that the batch was made of, for a
	// column that is the same. Get holds a reference of its own and checks type
	// and length. With nil no column may be the same.
	Same func(from int) (arrow.Array, error)
	// Trusted skips what takes a look at every text and offset: whether texts are
	// UTF-8 and offsets rise. It is for a plugin that reads what the host wrote, in
	// memory that nobody else can write: the host has checked what came from
	// another plugin, and one that wanted to harm this plugin need not lie to it.
	// Whether buffers lie in src and have the right length, and keys their
	// dictionary, is checked nevertheless.
	Trusted bool
	// Release is called once when the last array that lies in the memory is
	// released, also by another goroutine; by Get itself when there is none, and
	// never when Get fails. May be nil.
	Release func()
}

// Get reads a batch of so many rows from src, which begins at a multiple of 8.
// It trusts nothing of src unless it is told to, but src must not change from here
// until Release. The arrays share it: a text that is to live longer than its batch
// has to be cloned.
func (l *Layout) Get(src []byte, rows int64, o GetOptions) (arrow.RecordBatch, error) {
	if rows < 0 || rows > MaxRows {
		return nil, fmt.Errorf("a batch of %d rows; 0 to %d travel", rows, MaxRows)
	}
	if len(src) < l.HeaderBytes() {
		return nil, fmt.Errorf("memory of %d bytes, and the table of buffers takes %d", len(src), l.HeaderBytes())
	}
	if err := checkBase(src); err != nil {
		return nil, err
	}
	g := getter{layout: l, src: src, rows: int(rows), options: o}
	return g.batch()
}

// getter reads one batch.
type getter struct {
	layout  *Layout
	src     []byte
	rows    int
	options GetOptions
	named   int64 // length of all buffers so far
	size    int64 // and what they count as on the wire
}

// batch checks each column and then makes its array. What was made is released
// when a later column is refused, without a word to Release.
func (g *getter) batch() (batch arrow.RecordBatch, err error) {
	lease := newLease(g.options.Release)
	defer lease.drop()
	arrays := make([]arrow.Array, 0, len(g.layout.columns))
	defer func() {
		if err != nil {
			lease.cancel()
			releaseArrays(arrays)
		}
	}()
	defer rescue(&err)
	b := newBuilder(g.layout.nodes, lease)
	at := 0
	for i := range g.layout.columns {
		n := &g.layout.columns[i]
		a, err := g.column(&b, n, g.src[at:at+entryBytes*n.nodes()])
		if err != nil {
			return nil, g.layout.in(i, err)
		}
		arrays = append(arrays, a)
		if err := checkBytes(g.size); err != nil {
			return nil, err
		}
		at += entryBytes * n.nodes()
	}
	batch = array.NewRecordBatch(g.layout.schema, arrays, int64(g.rows))
	releaseArrays(arrays)
	return batch, nil
}

func releaseArrays(arrays []arrow.Array) {
	for _, a := range arrays {
		a.Release()
	}
}

// column makes the array of one column, whose reference is the caller's.
func (g *getter) column(b *builder, n *node, table []byte) (arrow.Array, error) {
	e := readEntry(table)
	switch e.kind {
	case kindSame:
		return g.same(n, e.from)
	case kindOwn:
		var c column
		if err := g.memory(&c, n, &e, table); err != nil {
			return nil, err
		}
		return b.column(n, &c), nil
	}
	return nil, fmt.Errorf("buffers of kind %d, which there is not", e.kind)
}

// same takes a column of the input.
func (g *getter) same(n *node, from uint32) (arrow.Array, error) {
	if g.options.Same == nil {
		return nil, errors.New("it is said to be a column of an input, which there is not")
	}
	a, err := g.options.Same(int(from))
	if err != nil {
		return nil, err
	}
	if a.Len() != g.rows {
		return nil, fmt.Errorf("it is said to be column %d of the input, which has %d rows and not %d", from, a.Len(), g.rows)
	}
	if m, err := nodeOf(a.DataType()); err != nil || !m.like(n) {
		return nil, fmt.Errorf("it is said to be column %d of the input, which has type %v and not %v", from, a.DataType(), n.typ)
	}
	g.size += columnSize(a)
	if !arrow.TypeEqual(a.DataType(), n.typ) {
		return retyped(a, n.typ), nil
	}
	a.Retain()
	return a, nil
}

// memory checks a column that has buffers.
func (g *getter) memory(c *column, n *node, e *entry, table []byte) error {
	if e.rows != uint64(g.rows) {
		return fmt.Errorf("%d rows in a batch of %d", e.rows, g.rows)
	}
	if err := g.buffers(&c.self, &n.leaf, e); err != nil {
		return err
	}
	if n.nested() {
		child := readEntry(table[entryBytes:])
		if child.kind != kindOwn {
			return fmt.Errorf("values of kind %d, which there is not", child.kind)
		}
		if err := g.buffers(&c.child, &n.child, &child); err != nil {
			return err
		}
	}
	if err := n.check(c); err != nil {
		return err
	}
	g.size += c.size(n)
	return nil
}

// buffers takes the memory of a node.
func (g *getter) buffers(to *buffers, l *leaf, e *entry) (err error) {
	to.trusted = g.options.Trusted
	if to.rows, err = childRows(e.rows); err != nil {
		return err
	}
	header := g.layout.HeaderBytes()
	if to.validity, err = e.validity.in(g.src, header, 1); err != nil {
		return err
	}
	if to.values, err = e.values.in(g.src, header, l.width); err != nil {
		return err
	}
	if to.offsets, err = e.offsets.in(g.src, header, 4); err != nil {
		return err
	}
	// Buffers may overlap, which would make a large batch, and much to check, of
	// little memory.
	g.named += int64(len(to.validity)) + int64(len(to.values)) + int64(len(to.offsets))
	if g.named > int64(len(g.src)) {
		return fmt.Errorf("with it, buffers of %d bytes in memory of %d", g.named, len(g.src))
	}
	return nil
}

// retyped is a with another name for its type: those of lists differ in what
// does not travel.
func retyped(a arrow.Array, t arrow.DataType) arrow.Array {
	old := a.Data()
	data := array.NewData(t, old.Len(), old.Buffers(), old.Children(), old.NullN(), old.Offset())
	defer data.Release()
	if dict, ok := old.Dictionary().(*array.Data); ok && dict != nil {
		data.SetDictionary(dict)
	}
	return array.MakeFromData(data)
}
