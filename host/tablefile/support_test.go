// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// empty makes an empty file.
func empty(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "table"))
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// column names a type by its form.
func column(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// everything is a schema with a column of every kind.
var everything = func() *arrow.Schema {
	meta := arrow.MetadataFrom(map[string]string{"k": "v", "a": "b"})
	return arrow.NewSchema([]arrow.Field{
		column("i8", arrow.PrimitiveTypes.Int8), column("u16", arrow.PrimitiveTypes.Uint16), column("i64", arrow.PrimitiveTypes.Int64),
		column("f32", arrow.PrimitiveTypes.Float32), column("f64", arrow.PrimitiveTypes.Float64), column("bool", arrow.FixedWidthTypes.Boolean),
		column("utf8", arrow.BinaryTypes.String), column("binary", arrow.BinaryTypes.Binary), column("date", arrow.FixedWidthTypes.Date32),
		column("time", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}),
		column("dict", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}),
		column("list", arrow.ListOf(arrow.BinaryTypes.String)),
		column("array", arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Int16)),
	}, &meta)
}()

// rowsOf are rows of everything, from a number on; they depend on nothing else.
func rowsOf(from, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, everything)
	for row := from; row < from+n; row++ {
		for c, f := range b.Fields() {
			if (row+c)%5 == 4 {
				f.AppendNull()
				continue
			}
			if err := appendRow(f, row); err != nil {
				panic(err)
			}
		}
	}
	return b.NewRecordBatch()
}

func appendRow(f array.Builder, row int) error {
	switch b := f.(type) {
	case *array.BinaryDictionaryBuilder:
		return b.AppendString(fmt.Sprint("word ", row%3))
	case *array.BinaryBuilder:
		b.Append([]byte{byte(row), 0xff})
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(row))
	case *array.ListBuilder:
		b.Append(true)
		for i := range row % 4 {
			b.ValueBuilder().(*array.StringBuilder).Append(fmt.Sprint("gęś ", i))
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for i := range 3 {
			b.ValueBuilder().(*array.Int16Builder).Append(int16(row + i))
		}
	case *array.Date32Builder:
		b.Append(arrow.Date32(row))
	case *array.StringBuilder:
		b.Append(fmt.Sprint("text ", row))
	default:
		return f.AppendValueFromString(map[bool]string{true: "1", false: "0"}[row%2 == 1])
	}
	return nil
}

// written is a finished table of batches.
func written(t testing.TB, schema *arrow.Schema, batches ...arrow.RecordBatch) (*os.File, Summary) {
	t.Helper()
	f := empty(t)
	w, err := Create(f, schema)
	must(t, err)
	for _, b := range batches {
		must(t, w.Append(b))
	}
	s, err := w.Close()
	must(t, err)
	return f, s
}

// floats is a batch of a few MiB without nulls.
func floats(rows, columns int) arrow.RecordBatch {
	var fields []arrow.Field
	for i := range columns {
		fields = append(fields, column(fmt.Sprint(i), arrow.PrimitiveTypes.Float64))
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for i := range columns {
		values := make([]float64, rows)
		for j := range values {
			values[j] = float64(i*j) / 3
		}
		b.Field(i).(*array.Float64Builder).AppendValues(values, nil)
	}
	return b.NewRecordBatch()
}
