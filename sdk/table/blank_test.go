// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestBlankChangesNoValue: batches of all types are the same afterwards.
func TestBlankChangesNoValue(t *testing.T) {
	for seed := range uint64(300) {
		m := newMaker(seed)
		batch := m.batch(m.schema(), m.IntN(200))
		l := layoutOf(t, batch.Schema())
		dst := slot(1 << 20)
		n, err := l.Put(dst, batch, PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		l.Blank(dst[:n])
		got, err := l.Get(dst[:n], batch.NumRows(), GetOptions{})
		holds(t, batch.Schema().String(), batch, got, err)
	}
}

// secret is a value that no reader may see.
const secret = 0x5ec4e75ec4e75ec4

// TestBlankLeavesNothing: of what stands under nulls and between buffers nothing is
// left, for each form of values.
func TestBlankLeavesNothing(t *testing.T) {
	mark := []byte{0xc4, 0x5e, 0xe7, 0xc4, 0x5e, 0xe7, 0xc4, 0x5e}
	valid := memory.NewBufferBytes([]byte{0b101})
	ends := func(n ...int32) *memory.Buffer { return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(n)) }
	whole := array.NewData(arrow.PrimitiveTypes.Int64, 3, []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes([]int64{1, secret, 3}))}, nil, 1, 0)
	text := append(append([]byte("a"), mark...), 'b')
	texts := array.NewData(arrow.BinaryTypes.Binary, 3, []*memory.Buffer{valid, ends(0, 1, 9, 10), memory.NewBufferBytes(text)}, nil, 1, 0)
	items := array.NewData(arrow.PrimitiveTypes.Int64, 3, []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes([]int64{1, secret, 3}))}, nil, 0, 0)
	listType, arrayType := arrow.ListOf(arrow.PrimitiveTypes.Int64), arrow.FixedSizeListOf(1, arrow.PrimitiveTypes.Int64)
	lists := array.NewData(listType, 3, []*memory.Buffer{valid, ends(0, 1, 2, 3)}, []arrow.ArrayData{items}, 1, 0)
	arrays := array.NewData(arrayType, 3, []*memory.Buffer{valid}, []arrow.ArrayData{items}, 1, 0)
	schema := schemaOf(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.Binary, listType, arrayType)
	batch := array.NewRecordBatch(schema, []arrow.Array{array.MakeFromData(whole), array.MakeFromData(texts), array.MakeFromData(lists), array.MakeFromData(arrays)}, 3)
	l := layoutOf(t, schema)
	dst := bytes.Repeat(mark, 512)
	n, err := l.Put(dst, batch, PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.Blank(dst[:n])
	for i := range n - 1 {
		if bytes.Equal(dst[i:min(i+2, n)], mark[:2]) || bytes.Equal(dst[i:min(i+2, n)], mark[1:3]) {
			t.Fatalf("byte %d of %d: % x", i, n, dst[i:min(i+8, n)])
		}
	}
	got, err := l.Get(dst[:n], 3, GetOptions{})
	holds(t, "blank", batch, got, err)
}

// TestBlankSparesSharedBuffers: two columns may have the same values and other nulls.
func TestBlankSparesSharedBuffers(t *testing.T) {
	schema := schemaOf(arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int64)
	l := layoutOf(t, schema)
	dst := slot(4096)
	at := l.HeaderBytes()
	copy(arrow.Int64Traits.CastFromBytes(dst[at:at+16]), []int64{7, 8})
	values := memory.NewBufferBytes(dst[at : at+16])
	of := func(valid byte) arrow.Array {
		return array.NewInt64Data(array.NewData(arrow.PrimitiveTypes.Int64, 2, []*memory.Buffer{memory.NewBufferBytes([]byte{valid}), values}, nil, 1, 0))
	}
	batch := array.NewRecordBatch(schema, []arrow.Array{of(0b01), of(0b10)}, 2)
	n, err := l.Put(dst, batch, PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.Blank(dst[:n])
	if a, b := arrow.Int64Traits.CastFromBytes(dst[at : at+16])[0], arrow.Int64Traits.CastFromBytes(dst[at : at+16])[1]; a != 7 || b != 8 {
		t.Errorf("%d, %d", a, b)
	}
}

// TestNullRuns compares with looking at each bit.
func TestNullRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 35))
	for range 20_000 {
		n := random.IntN(300)
		validity := make([]byte, (n+7)/8)
		for i := range validity {
			validity[i] = [...]byte{0, 0xff, byte(random.Uint32()), 0xfe, 0x7f}[random.IntN(5)]
		}
		var want, got [][2]int
		for i := 0; i < n; i++ {
			from := i
			for i < n && validity[i/8]>>(i%8)&1 == 0 {
				i++
			}
			if i > from {
				want = append(want, [2]int{from, i})
			}
		}
		nullRuns(validity, n, func(from, to int) { got = append(got, [2]int{from, to}) })
		if !slices.Equal(got, want) {
			t.Fatalf("%d rows of %x: %v, want %v", n, validity, got, want)
		}
	}
}
