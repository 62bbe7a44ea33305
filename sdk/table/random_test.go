// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var (
	dictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

	// itemTypes are those that lists may have.
	itemTypes = []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.String,
	}
)

// allTypes are all types of tables; of timestamps a few.
func allTypes() []arrow.DataType {
	out := append([]arrow.DataType{
		arrow.BinaryTypes.Binary, arrow.FixedWidthTypes.Date32, dictionaryType,
		&arrow.TimestampType{Unit: arrow.Second}, &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"},
		&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "+02:00"}, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"},
	}, itemTypes...)
	for i, item := range itemTypes {
		out = append(out, arrow.ListOf(item), arrow.FixedSizeListOf(int32(i%4+1), item))
	}
	return out
}

// schemaOf names columns of types c0, c1, ...
func schemaOf(types ...arrow.DataType) *arrow.Schema {
	fields := make([]arrow.Field, len(types))
	for i, t := range types {
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d", i), Type: t, Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// maker makes random batches.
type maker struct {
	*rand.Rand
	nulls int // one in so many values is null; 0 for none
}

func newMaker(seed uint64) *maker { return &maker{rand.New(rand.NewPCG(seed, 7)), 5} }

func (m *maker) schema() *arrow.Schema {
	all := allTypes()
	types := make([]arrow.DataType, m.IntN(6))
	for i := range types {
		types[i] = all[m.IntN(len(all))]
	}
	return schemaOf(types...)
}

// batch is a slice of a larger batch, so that its arrays begin somewhere.
func (m *maker) batch(schema *arrow.Schema, rows int) arrow.RecordBatch {
	m.nulls = []int{0, 2, 5, 50}[m.IntN(4)]
	before, after := m.IntN(20), m.IntN(3)
	if m.IntN(3) == 0 {
		before = 8 * m.IntN(3)
	}
	columns := make([]arrow.Array, schema.NumFields())
	for i, f := range schema.Fields() {
		whole := m.array(f.Type, before+rows+after)
		columns[i] = array.NewSlice(whole, int64(before), int64(before+rows))
		whole.Release()
	}
	batch := array.NewRecordBatch(schema, columns, int64(rows))
	for _, c := range columns {
		c.Release()
	}
	return batch
}

func (m *maker) array(t arrow.DataType, n int) arrow.Array {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return m.dictionary(d, n)
	}
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	for range n {
		m.value(b)
	}
	return b.NewArray()
}

// dictionary has a slice of texts, some of them unused and some twice, or none
// at all.
func (m *maker) dictionary(t *arrow.DictionaryType, n int) arrow.Array {
	if m.IntN(8) == 0 {
		return array.MakeArrayOfNull(memory.DefaultAllocator, t, n)
	}
	texts := array.NewStringBuilder(memory.DefaultAllocator)
	defer texts.Release()
	size := 1 + m.IntN(12)
	for range size + 3 {
		texts.Append(m.text())
	}
	keys := array.NewInt32Builder(memory.DefaultAllocator)
	defer keys.Release()
	for range n {
		if m.null() {
			keys.AppendNull()
		} else {
			keys.Append(m.Int32N(int32(size)))
		}
	}
	all := texts.NewArray()
	part := array.NewSlice(all, 2, int64(2+size))
	index := keys.NewArray()
	defer all.Release()
	defer part.Release()
	defer index.Release()
	return array.NewDictionaryArray(t, index, part)
}

func (m *maker) null() bool { return m.nulls > 0 && m.IntN(m.nulls) == 0 }

var words = []string{"", "a", "ab", "gęślą", "日本語", "🙂", "row of letters that is long enough", "ß"}

func (m *maker) text() string { return words[m.IntN(len(words))] }

// number is more often a nasty one than chance would have it.
func (m *maker) number() uint64 {
	if m.IntN(4) == 0 {
		return []uint64{0, 1, math.MaxInt64, 1 << 63, math.MaxUint64, 1 << 31}[m.IntN(6)]
	}
	return m.Uint64() >> m.IntN(64)
}

// value appends one value.
func (m *maker) value(b array.Builder) {
	if m.null() {
		m.nullOf(b)
		return
	}
	n := m.number()
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(int64(n))
	case *array.Uint8Builder:
		b.Append(uint8(n))
	case *array.Uint16Builder:
		b.Append(uint16(n))
	case *array.Uint32Builder:
		b.Append(uint32(n))
	case *array.Uint64Builder:
		b.Append(n)
	case *array.Float32Builder:
		b.Append(float32(m.NormFloat64()))
	case *array.Float64Builder:
		b.Append(m.NormFloat64())
	case *array.BooleanBuilder:
		b.Append(n%2 == 1)
	case *array.StringBuilder:
		b.Append(m.text())
	case *array.BinaryBuilder:
		b.Append([]byte(m.text()))
	case *array.Date32Builder:
		b.Append(arrow.Date32(int32(n)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(int64(n)))
	default:
		m.list(b)
	}
}

func (m *maker) list(b array.Builder) {
	switch b := b.(type) {
	case *array.ListBuilder:
		b.Append(true)
		for range m.IntN(5) {
			m.value(b.ValueBuilder())
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			m.value(b.ValueBuilder())
		}
	default:
		panic(fmt.Sprintf("no values of %v", b.Type()))
	}
}

// nullOf appends a null, which a fixed-size list has values under.
func (m *maker) nullOf(b array.Builder) {
	f, ok := b.(*array.FixedSizeListBuilder)
	if !ok {
		b.AppendNull()
		return
	}
	n := f.ValueBuilder().Len()
	f.Append(false)
	for f.ValueBuilder().Len() < n+int(f.Type().(*arrow.FixedSizeListType).Len()) {
		m.value(f.ValueBuilder())
	}
}
