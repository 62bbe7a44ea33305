// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

// Constants of the table of buffers; see the package doc.
const (
	entryBytes = 64
	alignment  = 64

	kindOwn  = 1
	kindSame = 2
)

// Layout is how batches of one schema lie in memory that two processes share;
// see the package doc. It does not change and is safe for concurrent use.
type Layout struct {
	schema  *arrow.Schema
	columns []node
	nodes   int // of all columns
}

// NewLayout describes the memory of batches of a schema.
func NewLayout(schema *arrow.Schema) (*Layout, error) {
	if err := CheckSchema(schema); err != nil {
		return nil, err
	}
	l := &Layout{schema: schema, columns: make([]node, schema.NumFields())}
	for i := range l.columns {
		l.columns[i], _ = nodeOf(schema.Field(i).Type) // CheckSchema has looked
		l.nodes += l.columns[i].nodes()
	}
	return l, nil
}

// Schema is that of every batch.
func (l *Layout) Schema() *arrow.Schema { return l.schema }

// HeaderBytes is the size of the table of buffers. Arrays that are built in the
// memory where Put shall find them must lie behind it.
func (l *Layout) HeaderBytes() int { return entryBytes * l.nodes }

// SlotBytes is the size of memory that every batch within the bounds fits into:
// the table, MaxBytes, and what alignment takes.
func (l *Layout) SlotBytes() int {
	return l.HeaderBytes() + MaxBytes + 3*alignment*l.nodes
}

// Size is the number of bytes that Put takes at most when no array lies in the
// memory already.
func (l *Layout) Size(batch arrow.RecordBatch) (int, error) {
	if err := l.fits(batch); err != nil {
		return 0, err
	}
	total := l.HeaderBytes()
	var c columnView
	for i := range l.columns {
		if err := l.view(i, &c, batch); err != nil {
			return 0, err
		}
		total += c.padded()
	}
	return total, nil
}

func (l *Layout) view(i int, to *columnView, batch arrow.RecordBatch) error {
	n := &l.columns[i]
	if !n.nested() {
		to.child = view{}
	}
	if err := n.view(to, batch.Column(i).Data(), batch.NumRows()); err != nil {
		return l.in(i, err)
	}
	return nil
}

// padded is the size of the buffers, each at a multiple of alignment.
func (c *columnView) padded() int { return c.self.padded() + c.child.padded() }

func (v *view) padded() int {
	return align(len(v.validity)) + align(len(v.values)) + align(len(v.offsets))
}

func align(n int) int { return (n + alignment - 1) &^ (alignment - 1) }

// in names the column of an error.
func (l *Layout) in(i int, err error) error {
	return fmt.Errorf("column %s: %w", quote(l.schema.Field(i).Name), err)
}

// fits insists on the columns of the schema. Metadata does not travel and may
// differ.
func (l *Layout) fits(batch arrow.RecordBatch) error {
	if err := checkRows(batch.NumRows()); err != nil {
		return err
	}
	schema := batch.Schema()
	if schema == l.schema {
		return nil
	}
	if schema.NumFields() != len(l.columns) {
		return fmt.Errorf("a batch of %d columns for a schema of %d", schema.NumFields(), len(l.columns))
	}
	for i := range l.columns {
		if err := l.fitsColumn(i, schema.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layout) fitsColumn(i int, f arrow.Field) error {
	want := l.schema.Field(i)
	if f.Name != want.Name {
		return fmt.Errorf("column %d is %s, and %s in the schema", i, quote(f.Name), quote(want.Name))
	}
	if f.Type == want.Type {
		return nil
	}
	if n, err := nodeOf(f.Type); err != nil || !n.like(&l.columns[i]) {
		return l.in(i, fmt.Errorf("it has type %v, and %v in the schema", f.Type, want.Type))
	}
	return nil
}

// entry is one row of the table of buffers.
type entry struct {
	kind, from                uint32
	rows                      uint64
	validity, values, offsets span
}

// span is a buffer: its first byte and its length.
type span struct{ at, length uint64 }

func (e *entry) write(to []byte) {
	to = to[:entryBytes:entryBytes]
	binary.LittleEndian.PutUint32(to, e.kind)
	binary.LittleEndian.PutUint32(to[4:], e.from)
	binary.LittleEndian.PutUint64(to[8:], e.rows)
	for i, s := range [...]span{e.validity, e.values, e.offsets} {
		binary.LittleEndian.PutUint64(to[16+16*i:], s.at)
		binary.LittleEndian.PutUint64(to[24+16*i:], s.length)
	}
}

func readEntry(from []byte) entry {
	from = from[:entryBytes:entryBytes]
	at := func(i int) span {
		return span{binary.LittleEndian.Uint64(from[i:]), binary.LittleEndian.Uint64(from[i+8:])}
	}
	return entry{
		kind:     binary.LittleEndian.Uint32(from),
		from:     binary.LittleEndian.Uint32(from[4:]),
		rows:     binary.LittleEndian.Uint64(from[8:]),
		validity: at(16), values: at(32), offsets: at(48),
	}
}

// in returns the bytes of a span that lies in src behind the table and begins
// at a multiple of width.
func (s span) in(src []byte, header, width int) ([]byte, error) {
	if s.length == 0 {
		return nil, nil
	}
	size := uint64(len(src))
	if s.at < uint64(header) || s.at > size || s.length > size-s.at || s.length > math.MaxInt {
		return nil, fmt.Errorf("a buffer of %d bytes at %d in memory of %d", s.length, s.at, size)
	}
	if s.at%uint64(width) != 0 {
		return nil, fmt.Errorf("a buffer of numbers of %d bytes at %d", width, s.at)
	}
	end := s.at + s.length
	return src[s.at:end:end], nil
}
