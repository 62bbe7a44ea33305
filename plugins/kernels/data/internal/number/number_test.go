// SPDX-License-Identifier: Apache-2.0

package number_test

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/number"
)

func build[T any](t arrow.DataType, values []T, add func(array.Builder, T)) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	for _, v := range values {
		add(b, v)
	}
	b.AppendNull()
	return b.NewArray()
}

func TestValuesOfEveryWidth(t *testing.T) {
	for _, a := range []arrow.Array{
		build(arrow.PrimitiveTypes.Int8, []int8{1, 2}, func(b array.Builder, v int8) { b.(*array.Int8Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Int16, []int16{1, 2}, func(b array.Builder, v int16) { b.(*array.Int16Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Int32, []int32{1, 2}, func(b array.Builder, v int32) { b.(*array.Int32Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Int64, []int64{1, 2}, func(b array.Builder, v int64) { b.(*array.Int64Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Uint8, []uint8{1, 2}, func(b array.Builder, v uint8) { b.(*array.Uint8Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Uint16, []uint16{1, 2}, func(b array.Builder, v uint16) { b.(*array.Uint16Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Uint32, []uint32{1, 2}, func(b array.Builder, v uint32) { b.(*array.Uint32Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Uint64, []uint64{1, 2}, func(b array.Builder, v uint64) { b.(*array.Uint64Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Float32, []float32{1, 2}, func(b array.Builder, v float32) { b.(*array.Float32Builder).Append(v) }),
		build(arrow.PrimitiveTypes.Float64, []float64{1, 2}, func(b array.Builder, v float64) { b.(*array.Float64Builder).Append(v) }),
	} {
		var scratch []float64
		if got := number.Values(a, &scratch); len(got) != 3 || !slices.Equal(got[:2], []float64{1, 2}) {
			t.Errorf("%s: %v", a.DataType(), got)
		}
		if valid := number.Valid(a); !number.Is(a.DataType()) || valid == nil || valid(2) || !valid(0) {
			t.Errorf("%s: wrong nulls", a.DataType())
		}
	}
	if number.Is(arrow.BinaryTypes.String) || number.Is(arrow.FixedWidthTypes.Boolean) || number.Is(arrow.FixedWidthTypes.Date32) {
		t.Error("text, bools and dates are no numbers")
	}
}

// TestLikeKeepsNulls also of a slice whose bitmap begins in the middle of a byte.
func TestLikeKeepsNulls(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{1, 2, 3, 4, 5}, []bool{true, false, true, true, false})
	whole := b.NewArray()
	for from := range 5 {
		a := array.NewSlice(whole, int64(from), 5)
		got := number.Like(a, memory.DefaultAllocator, func(out []float64) {
			for i := range out {
				out[i] = float64(from + i)
			}
		})
		for i := range a.Len() {
			if got.IsNull(i) != a.IsNull(i) || got.(*array.Float64).Value(i) != float64(from+i) {
				t.Errorf("from %d, row %d: %v", from, i, got)
			}
		}
	}
	if known := number.Known(2, memory.DefaultAllocator, func(out []float64) { out[0], out[1] = 7, 8 }); known.NullN() != 0 || known.(*array.Float64).Value(1) != 8 {
		t.Errorf("known %v", known)
	}
}
