// SPDX-License-Identifier: Apache-2.0

package source

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// column collects the values of one column of one batch.
type column interface {
	// add puts a value at a row and tells whether it fits the type. Text keeps
	// raw; the others parse trimmed.
	add(row int, raw, trimmed []byte) bool
	// null puts a missing value at a row.
	null(row int)
	// size is the number of bytes besides those of fixedBytes a row.
	size() int64
	// take makes an array of the rows so far and starts again.
	take(rows int) arrow.Array
}

// fixedBytes is what a value of a type takes in any case, from above.
func fixedBytes(t arrow.DataType) int64 {
	if w, ok := t.(arrow.FixedWidthDataType); ok && t.ID() != arrow.BOOL {
		return int64(w.BitWidth()/8) + 1
	}
	return 5 // an offset, or the byte of a bool, and the bit of a null
}

// newColumn makes a column for up to a number of rows.
func newColumn(t arrow.DataType, rows int, mem *recycler) column {
	switch t := t.(type) {
	case *arrow.Int8Type:
		return newFixed(t, rows, mem, parseSigned[int8])
	case *arrow.Int16Type:
		return newFixed(t, rows, mem, parseSigned[int16])
	case *arrow.Int32Type:
		return newFixed(t, rows, mem, parseSigned[int32])
	case *arrow.Int64Type:
		return newFixed(t, rows, mem, parseInt)
	case *arrow.Uint8Type:
		return newFixed(t, rows, mem, parseUnsigned[uint8])
	case *arrow.Uint16Type:
		return newFixed(t, rows, mem, parseUnsigned[uint16])
	case *arrow.Uint32Type:
		return newFixed(t, rows, mem, parseUnsigned[uint32])
	case *arrow.Uint64Type:
		return newFixed(t, rows, mem, parseUnsigned[uint64])
	case *arrow.Float32Type:
		return newFixed(t, rows, mem, parseFloat32)
	case *arrow.Float64Type:
		return newFixed(t, rows, mem, parseFloat)
	case *arrow.Date32Type:
		return newFixed(t, rows, mem, parseDate)
	case *arrow.TimestampType:
		return newFixed(t, rows, mem, timestampParser(t))
	case *arrow.BooleanType:
		return &bools{validity: validity{mem: mem}, capacity: rows}
	case *arrow.DictionaryType:
		return &dictionary{keys: newFixed[int32](t.IndexType, rows, mem, nil), index: map[string]int32{}, mem: mem}
	}
	return newStrings(rows, mem)
}

// validity has a bit for each row, and no bits while there is no null.
type validity struct {
	mem   *recycler
	bits  []byte
	nulls int
}

func (v *validity) unset(row, capacity int) {
	if v.bits == nil {
		v.bits = v.mem.Allocate((capacity + 7) / 8)
		memory.Set(v.bits, 0xff)
	}
	v.bits[row>>3] &^= 1 << (row & 7)
	v.nulls++
}

// take returns the bitmap, nil when nothing is null, and starts again.
func (v *validity) take(rows int) (buffer *memory.Buffer, nulls int) {
	if v.bits == nil {
		return nil, 0
	}
	n := (rows + 7) / 8
	if rest := rows & 7; rest != 0 {
		v.bits[n-1] &= 1<<rest - 1
	}
	buffer, nulls = memory.NewBufferWithAllocator(v.bits[:n], v.mem), v.nulls
	v.bits, v.nulls = nil, 0
	return buffer, nulls
}

// newArray makes an array and gives its own references to the buffers up.
func newArray(t arrow.DataType, rows, nulls int, buffers ...*memory.Buffer) arrow.Array {
	data := array.NewData(t, rows, buffers, nil, nulls, 0)
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	out := array.MakeFromData(data)
	data.Release()
	return out
}

// fixed is a column of values of a fixed width.
type fixed[T any] struct {
	validity
	typ    arrow.DataType
	parse  func([]byte) (T, bool)
	rows   int
	values []T
	raw    []byte // what values lie in
}

func newFixed[T any](t arrow.DataType, rows int, mem *recycler, parse func([]byte) (T, bool)) *fixed[T] {
	return &fixed[T]{validity: validity{mem: mem}, typ: t, parse: parse, rows: rows}
}

// room gets memory for a batch.
func (c *fixed[T]) room() {
	var zero T
	c.raw = c.mem.Allocate(c.rows * int(unsafe.Sizeof(zero)))
	c.values = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(c.raw))), c.rows)
}

func (c *fixed[T]) add(row int, _, trimmed []byte) bool {
	v, ok := c.parse(trimmed)
	c.put(row, v)
	return ok
}

func (c *fixed[T]) put(row int, v T) {
	if c.values == nil {
		c.room()
	}
	c.values[row] = v
}

func (c *fixed[T]) null(row int) {
	var zero T
	c.put(row, zero) // no old value shows under a null
	c.unset(row, c.rows)
}

func (c *fixed[T]) size() int64 { return 0 }

func (c *fixed[T]) take(rows int) arrow.Array {
	if c.values == nil {
		c.room()
	}
	var zero T
	values := memory.NewBufferWithAllocator(c.raw[:rows*int(unsafe.Sizeof(zero))], c.mem)
	c.values, c.raw = nil, nil
	bitmap, nulls := c.validity.take(rows)
	return newArray(c.typ, rows, nulls, bitmap, values)
}

// bools is a column of bits.
type bools struct {
	validity
	capacity int
	bits     []byte
}

func (c *bools) add(row int, _, trimmed []byte) bool {
	v, ok := parseBool(trimmed)
	c.put(row, v)
	return ok
}

func (c *bools) put(row int, v bool) {
	if c.bits == nil {
		c.bits = c.mem.Allocate((c.capacity + 7) / 8)
		memory.Set(c.bits, 0)
	}
	if v {
		c.bits[row>>3] |= 1 << (row & 7)
	}
}

func (c *bools) null(row int) {
	c.put(row, false)
	c.unset(row, c.capacity)
}

func (c *bools) size() int64 { return 0 }

func (c *bools) take(rows int) arrow.Array {
	if c.bits == nil {
		c.put(0, false)
	}
	values := memory.NewBufferWithAllocator(c.bits[:(rows+7)/8], c.mem)
	c.bits = nil
	bitmap, nulls := c.validity.take(rows)
	return newArray(arrow.FixedWidthTypes.Boolean, rows, nulls, bitmap, values)
}
