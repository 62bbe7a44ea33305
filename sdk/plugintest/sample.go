// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// sample is a small table that kernels are tried on.
type sample struct {
	name    string
	schema  *arrow.Schema
	batches []arrow.RecordBatch
	rows    int64
}

// sampleSchema is two numbers and a target of two classes.
func sampleSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "b", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		table.WithRole(arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, table.RoleTarget),
	}, nil)
}

// samples are: a plain table in two batches, one with gaps and text, one of
// extreme numbers, one without a target.
func samples() []sample {
	plain := sample{name: "a plain table", schema: sampleSchema()}
	for i := range 2 {
		plain.add(numbers(30, i*30, func(v float64) float64 { return v }))
	}
	extreme := sample{name: "extreme numbers", schema: sampleSchema()}
	extreme.add(numbers(20, 0, func(v float64) float64 {
		return []float64{math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.NaN()}[int(math.Abs(v*7))%5]
	}))
	return []sample{plain, gaps(), extreme, noTarget()}
}

func (s *sample) add(b arrow.RecordBatch) {
	s.batches = append(s.batches, b)
	s.rows += b.NumRows()
}

// numbers makes rows of two noisy but separable classes, without a generator
// of random numbers so that every language can repeat them.
func numbers(rows, from int, f func(float64) float64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, sampleSchema())
	for i := from; i < from+rows; i++ {
		class := i % 2
		noise := math.Sin(float64(i) * 12.9898)
		b.Field(0).(*array.Float64Builder).Append(f(float64(class)*2 + noise))
		b.Field(1).(*array.Float64Builder).Append(f(math.Cos(float64(i) * 78.233)))
		b.Field(2).(*array.Int64Builder).Append(int64(class))
	}
	return b.NewRecordBatch()
}

func gaps() sample {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "t", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		table.WithRole(arrow.Field{Name: "y", Type: arrow.BinaryTypes.String, Nullable: true}, table.RoleTarget),
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 24 {
		if i%5 == 0 {
			b.Field(0).AppendNull()
			b.Field(1).AppendNull()
		} else {
			b.Field(0).(*array.Float64Builder).Append(float64(i))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("word %d \u017c\u00f3\u0142\u0107", i%3))
		}
		b.Field(2).(*array.BooleanBuilder).Append(i%2 == 0)
		b.Field(3).(*array.StringBuilder).Append([]string{"yes", "no"}[i%2])
	}
	s := sample{name: "a table with gaps and text", schema: schema}
	s.add(b.NewRecordBatch())
	return s
}

func noTarget() sample {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 16 {
		b.Field(0).(*array.Float64Builder).Append(float64(i))
	}
	s := sample{name: "a table without a target", schema: schema}
	s.add(b.NewRecordBatch())
	return s
}
