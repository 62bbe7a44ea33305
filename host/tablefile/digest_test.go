// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func digestOf(t *testing.T, schema *arrow.Schema, batches ...arrow.RecordBatch) string {
	t.Helper()
	_, s := written(t, schema, batches...)
	return s.Digest
}

// TestDigestsDoNotDependOnCuts cuts rows at random, also inside of the bytes of
// bitmaps and of the pieces that are hashed at a time.
func TestDigestsDoNotDependOnCuts(t *testing.T) {
	const rows = pieceRows + 1000
	all := rowsOf(0, rows)
	want := digestOf(t, everything, all)
	for range 5 {
		var parts []arrow.RecordBatch
		for at := int64(0); at < rows; {
			next := min(rows, at+rand.Int64N(rows/2))
			parts = append(parts, all.NewSlice(at, next))
			at = next
		}
		if got := digestOf(t, everything, parts...); got != want {
			t.Errorf("digest %s of %d parts, want %s", got, len(parts), want)
		}
	}
	// Dictionaries of their own, with other keys for the same texts.
	if got := digestOf(t, everything, rowsOf(0, 1), rowsOf(1, 10), rowsOf(11, rows-11)); got != want {
		t.Errorf("digest %s of rows made in parts, want %s", got, want)
	}
}

// TestDigestsOfLongWords gathers more text of a dictionary than is hashed at once.
func TestDigestsOfLongWords(t *testing.T) {
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{column("d", typ)}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for row := range 20 {
		must(t, b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(strings.Repeat("x", 1+row%7*pieceBytes/3)))
	}
	all := b.NewRecordBatch()
	var rows []arrow.RecordBatch
	for i := range all.NumRows() {
		rows = append(rows, all.NewSlice(i, i+1))
	}
	if whole, cut := digestOf(t, schema, all), digestOf(t, schema, rows...); whole != cut {
		t.Errorf("digests %s and %s", whole, cut)
	}
}

// TestDigestsTellRowsApart changes one value of each column at a time.
func TestDigestsTellRowsApart(t *testing.T) {
	seen := map[string]string{}
	remember := func(name, digest string) {
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[digest] = name
	}
	all := rowsOf(0, 50)
	remember("all", digestOf(t, everything, all))
	remember("one less", digestOf(t, everything, all.NewSlice(0, 49)))
	for i, f := range everything.Fields() {
		// Column i is that of rows one further on.
		next, err := all.SetColumn(i, rowsOf(1, 50).Column(i))
		must(t, err)
		remember("another "+f.Name, digestOf(t, everything, next))
	}
	meta := arrow.MetadataFrom(map[string]string{"k": "v"})
	remember("another schema", digestOf(t, arrow.NewSchema(everything.Fields(), &meta), all))
}

// TestDigestsOfLists tell how values are shared out among rows.
func TestDigestsOfLists(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{column("l", arrow.ListOf(arrow.PrimitiveTypes.Int64))}, nil)
	seen := map[string]string{}
	for _, rows := range []string{"[[1,2],[3]]", "[[1],[2,3]]", "[[1,2,3],[]]", "[[1,2,3],null]", "[null,[1,2,3]]", "[[],[1,2,3]]", "[[1,null,3],[]]"} {
		col, _, err := array.FromJSON(memory.DefaultAllocator, schema.Field(0).Type, strings.NewReader(rows))
		must(t, err)
		d := digestOf(t, schema, array.NewRecordBatch(schema, []arrow.Array{col}, 2))
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", rows, other)
		}
		seen[d] = rows
	}
}

// TestDigestsIgnoreWhatStandsUnderNulls compares columns whose values differ
// where they are null.
func TestDigestsIgnoreWhatStandsUnderNulls(t *testing.T) {
	bitmap := memory.NewBufferBytes([]byte{0b101})
	numbers := func(b ...byte) *memory.Buffer { return memory.NewBufferBytes(b) }
	for name, c := range map[string]struct {
		typ  arrow.DataType
		a, b []*memory.Buffer
	}{
		"number": {arrow.PrimitiveTypes.Int8, []*memory.Buffer{bitmap, numbers(1, 2, 3)}, []*memory.Buffer{bitmap, numbers(1, 9, 3)}},
		"bool":   {arrow.FixedWidthTypes.Boolean, []*memory.Buffer{bitmap, numbers(0b111)}, []*memory.Buffer{bitmap, numbers(0b101)}},
		"text": {arrow.BinaryTypes.String,
			[]*memory.Buffer{bitmap, numbers(0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0), numbers('a', 'c')},
			[]*memory.Buffer{bitmap, numbers(0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0), numbers('a', 'b', 'b', 'c')}},
	} {
		schema := arrow.NewSchema([]arrow.Field{column("x", c.typ)}, nil)
		var digests []string
		for _, buffers := range [][]*memory.Buffer{c.a, c.b} {
			data := array.NewData(c.typ, 3, buffers, nil, 1, 0)
			digests = append(digests, digestOf(t, schema, array.NewRecordBatch(schema, []arrow.Array{array.MakeFromData(data)}, 3)))
		}
		if digests[0] != digests[1] {
			t.Errorf("%s: digests %v", name, digests)
		}
	}
}

// TestDigestsOfNullLists ignore the values of lists that are null.
func TestDigestsOfNullLists(t *testing.T) {
	for _, typ := range []arrow.DataType{arrow.ListOf(arrow.PrimitiveTypes.Int8), arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)} {
		schema := arrow.NewSchema([]arrow.Field{column("x", typ)}, nil)
		var digests []string
		for _, hidden := range []byte{7, 8} {
			values := array.NewData(arrow.PrimitiveTypes.Int8, 6, []*memory.Buffer{nil, memory.NewBufferBytes([]byte{1, 2, hidden, hidden, 5, 6})}, nil, 0, 0)
			buffers := []*memory.Buffer{memory.NewBufferBytes([]byte{0b101})}
			if typ.ID() == arrow.LIST {
				buffers = append(buffers, memory.NewBufferBytes([]byte{0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0}))
			}
			data := array.NewData(typ, 3, buffers, []arrow.ArrayData{values}, 1, 0)
			digests = append(digests, digestOf(t, schema, array.NewRecordBatch(schema, []arrow.Array{array.MakeFromData(data)}, 3)))
		}
		if digests[0] != digests[1] {
			t.Errorf("%v: digests %v", typ, digests)
		}
	}
}
