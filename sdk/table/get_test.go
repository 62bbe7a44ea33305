// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/protobuf/proto"
)

// TestSameColumnsDoNotTravel: what the reader has is named.
func TestSameColumnsDoNotTravel(t *testing.T) {
	m := newMaker(6)
	schema := schemaOf(arrow.PrimitiveTypes.Float64, arrow.ListOf(arrow.PrimitiveTypes.Int16), dictionaryType)
	batch, l := m.batch(schema, 300), layoutOf(t, schema)
	input := map[int]arrow.Array{4: batch.Column(1), 9: batch.Column(2)}
	dst := slot(1 << 16)
	n, err := l.Put(dst, batch, PutOptions{Same: func(col int, a arrow.Array) (int, bool) {
		for from, have := range input {
			if have == a {
				return from, true
			}
		}
		return 0, false
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := l.HeaderBytes() + 300*8 + 64; n > want {
		t.Errorf("%d bytes travel, for one column of %d", n, want)
	}
	same := func(from int) (arrow.Array, error) {
		if a, ok := input[from]; ok {
			return a, nil
		}
		return nil, fmt.Errorf("the input has no column %d", from)
	}
	got, err := l.Get(dst[:n], 300, GetOptions{Same: same})
	holds(t, "same columns", batch, got, err)
	if got.Column(1) != batch.Column(1) {
		t.Error("a same column is another array")
	}
	for name, c := range map[string]struct {
		same func(int) (arrow.Array, error)
		want string
	}{
		"no input":     {nil, "not"},
		"no column":    {func(int) (arrow.Array, error) { return nil, errors.New("no such column") }, "no such column"},
		"other type":   {func(int) (arrow.Array, error) { return batch.Column(0), nil }, "float64"},
		"other length": {func(from int) (arrow.Array, error) { return array.NewSlice(input[from], 1, 300), nil }, "299 rows"},
		"other list":   {func(int) (arrow.Array, error) { return m.array(arrow.ListOf(arrow.PrimitiveTypes.Int8), 300), nil }, "int8"},
		"a fixed list": {func(int) (arrow.Array, error) {
			return m.array(arrow.FixedSizeListOf(1, arrow.PrimitiveTypes.Int16), 300), nil
		}, "fixed"},
		"a large value": {func(int) (arrow.Array, error) { return m.array(arrow.BinaryTypes.LargeString, 0), nil }, "0 rows"},
	} {
		if _, err := l.Get(dst[:n], 300, GetOptions{Same: c.same}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestSameColumnsOfAnotherName: what does not travel of a type may differ.
func TestSameColumnsOfAnotherName(t *testing.T) {
	m := newMaker(7)
	for _, c := range [][2]arrow.DataType{
		{arrow.ListOf(arrow.PrimitiveTypes.Int32), arrow.ListOfField(arrow.Field{Name: "element", Type: arrow.PrimitiveTypes.Int32})},
		{arrow.FixedSizeListOf(2, arrow.BinaryTypes.String), arrow.FixedSizeListOfField(2, arrow.Field{Name: "x", Type: arrow.BinaryTypes.String})},
		{dictionaryType, &arrow.DictionaryType{IndexType: dictionaryType.IndexType, ValueType: dictionaryType.ValueType, Ordered: true}},
	} {
		plain := m.batch(schemaOf(c[0]), 20)
		l := layoutOf(t, schemaOf(c[1]))
		dst := slot(4096)
		n, err := l.Put(dst, plain, PutOptions{Same: func(int, arrow.Array) (int, bool) { return 0, true }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Get(dst[:n], 20, GetOptions{Same: func(int) (arrow.Array, error) { return plain.Column(0), nil }})
		if err != nil || got.Column(0).DataType() != c[1] || got.Column(0).String() != plain.Column(0).String() {
			t.Errorf("it comes back as %v, %v", got, err)
		}
	}
}

// TestReleaseIsCalledOnce: after the last array, whoever holds it.
func TestReleaseIsCalledOnce(t *testing.T) {
	m := newMaker(8)
	for round := range 300 {
		schema := m.schema()
		batch := m.batch(schema, m.IntN(50))
		l := layoutOf(t, schema)
		released := 0
		got, err := l.Get(put(t, l, batch), batch.NumRows(), GetOptions{Release: func() { released++ }})
		if err != nil {
			t.Fatal(err)
		}
		var kept []interface{ Release() }
		for _, c := range got.Columns() {
			kept = append(kept, array.NewSlice(c, 0, int64(c.Len()/2)))
			if d, ok := c.(*array.Dictionary); ok {
				d.Dictionary().Retain()
				kept = append(kept, d.Dictionary())
			}
			if d, ok := c.(array.ListLike); ok {
				d.ListValues().Retain()
				kept = append(kept, d.ListValues())
			}
		}
		got.Release()
		for _, k := range kept {
			if released != 0 {
				t.Fatalf("round %d: released while an array is held", round)
			}
			k.Release()
		}
		if released != 1 {
			t.Fatalf("round %d: released %d times, %v", round, released, schema)
		}
	}
}

func TestReleaseIsNotCalledForWhatIsRefused(t *testing.T) {
	batch := sample(t, 10)
	l := layoutOf(t, batch.Schema())
	src := put(t, l, batch)
	src[0] = 9
	if _, err := l.Get(src, 10, GetOptions{Release: func() { t.Error("it is called") }}); err == nil {
		t.Error("it is accepted")
	}
}

// TestKeysUnderNulls: some libraries leave garbage there, and Arrow reads it.
func TestKeysUnderNulls(t *testing.T) {
	schema := schemaOf(dictionaryType)
	for name, texts := range map[string]string{"texts": `["a", "b"]`, "no texts": `[]`} {
		dict, _, err := array.FromJSON(memory.DefaultAllocator, arrow.BinaryTypes.String, strings.NewReader(texts))
		if err != nil {
			t.Fatal(err)
		}
		keys, bits := []int32{-7, 1 << 30, 99}, []byte{0}
		if dict.Len() > 0 {
			keys[1], bits[0] = 1, 2
		}
		index := array.NewData(dictionaryType.IndexType, 3, []*memory.Buffer{memory.NewBufferBytes(bits), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(keys))}, nil, -1, 0)
		column := array.NewDictionaryArray(dictionaryType, array.MakeFromData(index), dict)
		batch := array.NewRecordBatch(schema, []arrow.Array{column}, 3)
		l := layoutOf(t, schema)
		got, err := l.Get(put(t, l, batch), 3, GetOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 3 {
			if k := got.Column(0).(*array.Dictionary).GetValueIndex(i); k != 0 && batch.Column(0).IsNull(i) || got.Column(0).ValueStr(i) != batch.Column(0).ValueStr(i) {
				t.Errorf("%s: row %d has key %d and reads %s", name, i, k, got.Column(0).ValueStr(i))
			}
		}
		if keys[0] != -7 {
			t.Error("the sender's memory was changed")
		}
	}
}

// TestCallsMakeLittleGarbage keeps the cost of small batches.
func TestCallsMakeLittleGarbage(t *testing.T) {
	batch := floats(160)
	l := layoutOf(t, batch.Schema())
	dst := slot(l.SlotBytes())
	var n int
	if got := testing.AllocsPerRun(100, func() { n, _ = l.Put(dst, batch, PutOptions{}) }); got != 0 {
		t.Errorf("Put allocates %v times", got)
	}
	if got := testing.AllocsPerRun(100, func() { l.Get(dst[:n], 160, GetOptions{}) }); got > 50+10 {
		t.Errorf("Get allocates %v times for 50 columns", got)
	}
	if got := testing.AllocsPerRun(100, func() { l.Get(dst[:n], 160, GetOptions{Release: func() {}}) }); got > 2*50+10 {
		t.Errorf("Get allocates %v times for 50 columns that are released", got)
	}
}

// TestFormatOfTheTable pins the bytes: processes of different versions share
// them.
func TestFormatOfTheTable(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schemaOf(arrow.BinaryTypes.String))
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"ab", "", "c"}, []bool{true, false, true})
	batch := b.NewRecordBatch()
	l := layoutOf(t, batch.Schema())
	got := put(t, l, batch)
	want := make([]byte, 0, 64)
	want = binary.LittleEndian.AppendUint32(want, 1)
	want = binary.LittleEndian.AppendUint32(want, 0)
	for _, n := range []uint64{3, 64, 1, 128, 3, 192, 16} {
		want = binary.LittleEndian.AppendUint64(want, n)
	}
	if !bytes.Equal(got[:64], want) || got[64] != 0b101 || string(got[128:131]) != "abc" || got[192+12] != 3 || len(got) != 208 {
		t.Errorf("the memory is %x", got)
	}
}

// TestUnalignedMessages: protocol buffers may put a field anywhere.
func TestUnalignedMessages(t *testing.T) {
	m := newMaker(10)
	batch := m.batch(schemaOf(allTypes()...), 33)
	wire, err := Encode(batch)
	if err != nil {
		t.Fatal(err)
	}
	wire = proto.CloneOf(wire)
	for _, c := range wire.Columns {
		for ; c != nil; c = c.Child {
			c.Values, c.Offsets = shifted(c.Values), shifted(c.Offsets)
		}
	}
	got, err := Decode(wire)
	holds(t, "unaligned", batch, got, err)
	for _, c := range got.Columns() {
		for _, b := range c.Data().Buffers()[1:] {
			if w, ok := c.DataType().(arrow.FixedWidthDataType); ok && w.BitWidth() >= 8 && b.Len() > 0 && uintptr(unsafe.Pointer(&b.Bytes()[0]))%uintptr(w.BitWidth()/8) != 0 {
				t.Errorf("%v is not aligned", c.DataType())
			}
		}
	}
}

func shifted(b []byte) []byte { return append(make([]byte, 1, len(b)+1), b...)[1:] }
