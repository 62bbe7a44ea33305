// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// hostileTables are tables that are right on the wire, and that few think of.
func hostileTables(seed uint64) []sample {
	special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}
	i := 0
	return []sample{
		of("NaN and infinities only", numbers(40, 0, func(float64) float64 { i++; return special[i%len(special)] })),
		of("nulls only", nulls(sampleSchema(), 20)),
		of("a batch without rows", nulls(sampleSchema(), 0)),
		of("one row", numbers(1, 0, func(v float64) float64 { return v })),
		of("the same value in every row", numbers(30, 0, func(float64) float64 { return 1e300 })),
		of("texts of megabytes", hugeTexts()),
		of("columns of every type", everyType(12)),
		of("every type, nulls only", nulls(everyType(0).Schema(), 12)),
		of("names that need care", oddNames()),
		of("500 columns", wide(500, 3)),
		of(fmt.Sprintf("a random table of seed %d", seed), random(seed)),
		many(),
	}
}

// nulls are rows without a value.
func nulls(schema *arrow.Schema, rows int) arrow.RecordBatch {
	columns := make([]arrow.Array, schema.NumFields())
	for i := range columns {
		columns[i] = array.MakeArrayOfNull(memory.DefaultAllocator, schema.Field(i).Type, rows)
	}
	return array.NewRecordBatch(schema, columns, int64(rows))
}

// fill makes rows with a function that appends one value to a column.
func fill(schema *arrow.Schema, rows int, value func(b array.Builder, row, column int)) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for row := range rows {
		for column := range schema.NumFields() {
			value(b.Field(column), row, column)
		}
	}
	return b.NewRecordBatch()
}

// hugeTexts are texts of megabytes: a kernel that makes names or categories of them
// has more to tell than a message holds.
func hugeTexts() arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		table.WithRole(arrow.Field{Name: "y", Type: arrow.BinaryTypes.String, Nullable: true}, table.RoleTarget),
	}, nil)
	return fill(schema, 3, func(b array.Builder, row, column int) {
		b.(*array.StringBuilder).Append(strings.Repeat([]string{"x", "\u017c\x00", "%s"}[row], 1<<(20-20*column)))
	})
}

// tableTypes are those that a table can have.
var tableTypes = []arrow.DataType{
	arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
	arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean,
	arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, arrow.FixedWidthTypes.Date32,
	&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"},
	&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
	arrow.ListOf(arrow.PrimitiveTypes.Float64), arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32),
}

// everyType is a table with a column of each type and a target.
func everyType(rows int) arrow.RecordBatch {
	fields := []arrow.Field{table.WithRole(arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, table.RoleTarget)}
	for i, t := range tableTypes {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: t, Nullable: true})
	}
	return fill(arrow.NewSchema(fields, nil), rows, func(b array.Builder, row, column int) {
		if column > 0 && row%4 == 3 {
			b.AppendNull()
			return
		}
		put(b, row)
	})
}

// put appends a small value of the type.
func put(b array.Builder, n int) {
	switch b := b.(type) {
	case *array.BinaryBuilder:
		b.Append([]byte{0xff, byte(n)})
	case *array.ListBuilder:
		b.Append(true)
		for range n % 3 {
			put(b.ValueBuilder(), n)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range 3 {
			put(b.ValueBuilder(), n)
		}
	default:
		if err := b.AppendValueFromString(text(b.Type(), n)); err != nil {
			panic(err) // a mistake of the suite, which its own tests find
		}
	}
}

// text is a small value as the builder of its type reads it.
func text(t arrow.DataType, n int) string {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return fmt.Sprint(n%2 == 0)
	case *arrow.Date32Type:
		return fmt.Sprintf("2024-02-%02d", 1+n%28)
	case *arrow.TimestampType:
		moment := fmt.Sprintf("2024-02-%02d 12:00:00", 1+n%28)
		if t.TimeZone != "" {
			moment += "Z"
		}
		return moment
	}
	return fmt.Sprint(n % 100)
}

func oddNames() arrow.RecordBatch {
	var fields []arrow.Field
	for _, name := range []string{"", " ", "a b", "\"'\n\t", "../../etc/passwd", "\u202egnirts", "%s%n", "NULL", strings.Repeat("n", 4096)} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	fields[7] = table.WithRole(fields[7], table.RoleTarget)
	return fill(arrow.NewSchema(fields, nil), 10, func(b array.Builder, row, _ int) { put(b, row) })
}

func wide(columns, rows int) arrow.RecordBatch {
	var fields []arrow.Field
	for i := range columns {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("w%d", i), Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	fields[0] = table.WithRole(fields[0], table.RoleTarget)
	return fill(arrow.NewSchema(fields, nil), rows, func(b array.Builder, row, _ int) { put(b, row) })
}

// random is a table of types, nulls and numbers that a seed gives.
func random(seed uint64) arrow.RecordBatch {
	r := rand.New(rand.NewPCG(seed, seed))
	fields := []arrow.Field{table.WithRole(arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, table.RoleTarget)}
	for i := range 1 + r.IntN(12) {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("r%d", i), Type: tableTypes[r.IntN(len(tableTypes))], Nullable: true})
	}
	gaps := r.Float64()
	return fill(arrow.NewSchema(fields, nil), 1+r.IntN(300), func(b array.Builder, _, column int) {
		switch b := b.(type) {
		case *array.Float64Builder:
			b.Append(math.Float64frombits(r.Uint64()))
		default:
			if column > 0 && r.Float64() < gaps {
				b.AppendNull()
				return
			}
			put(b, r.IntN(1000))
		}
	})
}
