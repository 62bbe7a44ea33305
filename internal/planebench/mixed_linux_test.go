// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// mixedTable is 20 columns of numbers with 5 % of nulls, 8 of integers, 6 of
// text, 6 of categories and 2 of truth values: about 48 MiB in all.
func mixedTable(rows, count int) []arrow.RecordBatch {
	random := rand.New(rand.NewPCG(1, 2))
	var fields []arrow.Field
	add := func(n int, kind string, t arrow.DataType) {
		for i := range n {
			fields = append(fields, arrow.Field{Name: fmt.Sprint(kind, i), Type: t, Nullable: true})
		}
	}
	add(20, "f", arrow.PrimitiveTypes.Float64)
	add(8, "i", arrow.PrimitiveTypes.Int64)
	add(6, "s", arrow.BinaryTypes.String)
	add(6, "d", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})
	add(2, "b", arrow.FixedWidthTypes.Boolean)
	schema := arrow.NewSchema(fields, nil)
	var out []arrow.RecordBatch
	for range count {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range fields {
			for range rows {
				appendRandom(b.Field(i), random)
			}
		}
		out = append(out, b.NewRecordBatch())
	}
	return out
}

func appendRandom(b array.Builder, random *rand.Rand) {
	switch b := b.(type) {
	case *array.Float64Builder:
		if random.IntN(20) == 0 {
			b.AppendNull()
		} else {
			b.Append(float64(random.IntN(1000)) / 1000)
		}
	case *array.Int64Builder:
		b.Append(random.Int64N(1000))
	case *array.StringBuilder:
		b.Append(fmt.Sprint("item ", random.IntN(100_000)))
	case *array.BinaryDictionaryBuilder:
		_ = b.AppendString(fmt.Sprint("category ", random.IntN(100)))
	case *array.BooleanBuilder:
		b.Append(random.IntN(2) == 0)
	}
}

// BenchmarkMixed scales the numbers of a table with texts, categories and nulls:
// only they come back. Goal: at most 1.6x of in process.
func BenchmarkMixed(b *testing.B) {
	batches := mixedTable(20_000, 9)
	k := start(b)
	from, lying := resident(b, batches)
	into := dataplane.NewPool(4)
	b.Cleanup(into.Close)
	open := dataplane.Open{Kernel: "scale", Schema: batches[0].Schema()}
	m := compare(b, []variant{
		{"heap", inProcess(batches, memory.DefaultAllocator)},
		{"recycled", inProcess(batches, &arena.Heap{Keep: 128 << 20})},
		{"sandboxed", outOfProcess(b, k, dataplane.Open{Into: into}, batches)},
		{"resident", outOfProcess(b, k, dataplane.Open{From: from, Into: into}, lying)},
	})
	ratio(b, "heap", m[2], m[0])
	ratio(b, "recycled", m[2], m[1])
	ratio(b, "resident", m[3], m[1])
	o, err := k.Transform(context.Background(), open, nil, each(batches), dataplane.Output{})
	if err != nil || o.Failed() {
		b.Fatal(err)
	}
	b.ReportMetric(float64(o.Metrics.BytesIn)/(1<<20), "MiB-in")
	b.ReportMetric(float64(o.Metrics.BytesOut)/(1<<20), "MiB-out")
}
