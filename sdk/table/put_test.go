// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestArraysInTheMemoryAreNotCopied: a kernel that computes in place writes once.
func TestArraysInTheMemoryAreNotCopied(t *testing.T) {
	schema := schemaOf(arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64)
	l := layoutOf(t, schema)
	dst := slot(4096)
	at := l.HeaderBytes()
	numbers := arrow.Float64Traits.CastFromBytes(dst[at : at+80])
	for i := range numbers {
		numbers[i] = float64(i)
	}
	copy(dst[512:], "abcdefghij")
	inPlace := array.NewFloat64Data(array.NewData(arrow.PrimitiveTypes.Float64, 10, []*memory.Buffer{nil, memory.NewBufferBytes(dst[at : at+80])}, nil, 0, 0))
	offsets := arrow.Int32Traits.CastToBytes([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	texts := array.NewStringData(array.NewData(arrow.BinaryTypes.String, 10, []*memory.Buffer{nil, memory.NewBufferBytes(offsets), memory.NewBufferBytes(dst[512:522])}, nil, 0, 0))
	batch := array.NewRecordBatch(schema, []arrow.Array{inPlace, texts, newMaker(3).array(arrow.PrimitiveTypes.Float64, 10)}, 10)
	part := batch.NewSlice(3, 9) // inside the memory, and not at a multiple of 64
	n, err := l.Put(dst, part, PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Get(bytes.Clone(dst[:n]), 6, GetOptions{})
	holds(t, "in place", part, got, err)
	if e := readEntry(dst); e.values.at != uint64(at+24) {
		t.Errorf("the numbers are at %d, and were at %d", e.values.at, at+24)
	}
	if e := readEntry(dst[entryBytes:]); e.values.at != 515 {
		t.Errorf("the text is at %d, and was at 515", e.values.at)
	}
}

func TestPutLeavesWhatIsNotFree(t *testing.T) {
	m := newMaker(4)
	batch := m.batch(schemaOf(arrow.PrimitiveTypes.Int64, dictionaryType), 50)
	l := layoutOf(t, batch.Schema())
	dst := slot(8192)
	before := bytes.Clone(dst)
	n, err := l.Put(dst, batch, PutOptions{Free: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dst[l.HeaderBytes():1000], before[l.HeaderBytes():1000]) || !bytes.Equal(dst[n:], before[n:]) {
		t.Error("it wrote where it must not")
	}
	got, err := l.Get(dst[:n], 50, GetOptions{})
	holds(t, "with something before it", batch, got, err)
}

func TestPutRefuses(t *testing.T) {
	m := newMaker(5)
	schema := schemaOf(arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String)
	batch, l := m.batch(schema, 100), layoutOf(t, schema)
	size, err := l.Size(batch)
	if err != nil {
		t.Fatal(err)
	}
	inTable := slot(4096)
	overlap := array.NewRecordBatch(schemaOf(arrow.PrimitiveTypes.Float64), []arrow.Array{array.NewFloat64Data(
		array.NewData(arrow.PrimitiveTypes.Float64, 4, []*memory.Buffer{nil, memory.NewBufferBytes(inTable[32:64])}, nil, 0, 0))}, 4)
	short := array.NewRecordBatch(schemaOf(arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Int8)), []arrow.Array{array.NewFixedSizeListData(
		array.NewData(arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Int8), 2, []*memory.Buffer{nil}, []arrow.ArrayData{m.array(arrow.PrimitiveTypes.Int8, 5).Data()}, 0, 0))}, 2)
	longer := array.NewRecordBatch(schemaOf(arrow.PrimitiveTypes.Int8), []arrow.Array{m.array(arrow.PrimitiveTypes.Int8, 9)}, 5)
	if _, err := Encode(longer); err == nil {
		t.Error("a batch with a longer column is encoded")
	}
	for name, c := range map[string]struct {
		layout *Layout
		dst    []byte
		batch  arrow.RecordBatch
		free   int
		want   string
	}{
		"no memory":        {l, nil, batch, 0, "too small"},
		"a byte too small": {l, slot(size - alignment), batch, 0, "too small"},
		"nothing free":     {l, slot(size), batch, size + 1, "too small"},
		"odd address":      {l, slot(size + 8)[1:], batch, 0, "multiple of 8"},
		"in the table":     {layoutOf(t, overlap.Schema()), inTable, overlap, 0, "table of buffers"},
		"another type":     {l, slot(size), m.batch(schemaOf(arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.Binary), 3), 0, `"c1": it has type binary, and utf8`},
		"another name":     {l, slot(size), m.batch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64}, schema.Field(1)}, nil), 3), 0, `column 0 is "x"`},
		"another width":    {l, slot(size), m.batch(schemaOf(arrow.PrimitiveTypes.Float64), 3), 0, "1 columns"},
		"many rows":        {l, slot(size), m.batch(schema, MaxRows+1), 0, "Split"},
		"short list":       {layoutOf(t, short.Schema()), slot(4096), short, 0, "values 0 to 6 of 5"},
		"a longer column":  {layoutOf(t, longer.Schema()), slot(4096), longer, 0, "an array of 9 rows in a batch of 5"},
		"many bytes":       {l, slot(32 << 20), fat(schema), 0, "Split"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.batch.NumRows() == 4 {
				c.layout = layoutOf(t, c.batch.Schema())
			}
			_, err := c.layout.Put(c.dst, c.batch, PutOptions{Free: c.free})
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNoRoom) != (c.want == "too small") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// fat has two rows that are too large together.
func fat(schema *arrow.Schema) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for range 2 {
		b.Field(0).AppendEmptyValue()
		b.Field(1).(*array.StringBuilder).Append(strings.Repeat("x", MaxBytes*3/4))
	}
	return b.NewRecordBatch()
}
