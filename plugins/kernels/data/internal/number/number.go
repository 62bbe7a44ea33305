// SPDX-License-Identifier: Apache-2.0

// Package number reads numeric arrays of any width as float64 and makes float64
// arrays in memory of the caller's choice.
package number

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Is reports whether a type holds numbers: integers and floats of any width.
func Is(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || t.ID() == arrow.FLOAT32 || t.ID() == arrow.FLOAT64
}

// Values are the numbers of an array; those of a float64 array are its own
// memory, others are written to scratch, which grows as needed. Values that are
// null have no meaning. Whole numbers beyond 2^53 are rounded.
func Values(a arrow.Array, scratch *[]float64) []float64 {
	if f, ok := a.(*array.Float64); ok {
		return f.Float64Values()
	}
	if cap(*scratch) < a.Len() {
		*scratch = make([]float64, a.Len())
	}
	out := (*scratch)[:a.Len()]
	switch a := a.(type) {
	case *array.Float32:
		convert(out, a.Float32Values())
	case *array.Int64:
		convert(out, a.Int64Values())
	case *array.Int32:
		convert(out, a.Int32Values())
	case *array.Int16:
		convert(out, a.Int16Values())
	case *array.Int8:
		convert(out, a.Int8Values())
	case *array.Uint64:
		convert(out, a.Uint64Values())
	case *array.Uint32:
		convert(out, a.Uint32Values())
	case *array.Uint16:
		convert(out, a.Uint16Values())
	case *array.Uint8:
		convert(out, a.Uint8Values())
	}
	return out
}

func convert[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32](out []float64, in []T) {
	for i, v := range in {
		out[i] = float64(v)
	}
}

// Valid tells which values of an array are known; nil when all are.
func Valid(a arrow.Array) func(i int) bool {
	if a.NullN() == 0 {
		return nil
	}
	return a.IsValid
}

// Like makes a float64 array of the length of a, with its nulls, in memory of
// alloc. fill writes every value; those under a null have no meaning.
func Like(a arrow.Array, alloc memory.Allocator, fill func(out []float64)) arrow.Array {
	n := a.Len()
	values := memory.NewResizableBuffer(alloc)
	values.Resize(8 * n)
	defer values.Release()
	fill(arrow.Float64Traits.CastFromBytes(values.Bytes())[:n])
	validity := bitmap(a, alloc)
	if validity != nil {
		defer validity.Release()
	}
	data := array.NewData(arrow.PrimitiveTypes.Float64, n, []*memory.Buffer{validity, values}, nil, a.NullN(), 0)
	defer data.Release()
	return array.NewFloat64Data(data)
}

// bitmap is the validity of an array from its first value on; nil when it has
// no null.
func bitmap(a arrow.Array, alloc memory.Allocator) *memory.Buffer {
	if a.NullN() == 0 {
		return nil
	}
	from := a.Data().Buffers()[0]
	if a.Data().Offset() == 0 {
		from.Retain()
		return from
	}
	out := memory.NewResizableBuffer(alloc)
	out.Resize((a.Len() + 7) / 8)
	bits := out.Bytes()
	clear(bits)
	for i := range a.Len() {
		if a.IsValid(i) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// Known makes a float64 array without nulls; see Like.
func Known(n int, alloc memory.Allocator, fill func(out []float64)) arrow.Array {
	values := memory.NewResizableBuffer(alloc)
	values.Resize(8 * n)
	defer values.Release()
	fill(arrow.Float64Traits.CastFromBytes(values.Bytes())[:n])
	data := array.NewData(arrow.PrimitiveTypes.Float64, n, []*memory.Buffer{nil, values}, nil, 0, 0)
	defer data.Release()
	return array.NewFloat64Data(data)
}
