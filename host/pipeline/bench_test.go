// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// repeated is a source that gives one batch again and again.
type repeated struct {
	Source
	batch arrow.RecordBatch
	times int
}

func (r repeated) Schema() *arrow.Schema { return r.batch.Schema() }
func (r repeated) Rows() int64           { return r.batch.NumRows() * int64(r.times) }
func (r repeated) Bytes() int64          { return 1 << 40 }
func (r repeated) Batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for range r.times {
			if !yield(r.batch, nil) {
				return
			}
		}
	}
}

// doubler doubles every number.
type doubler struct{ setup *kernel.Setup }

func (d doubler) OutputSchema() (*arrow.Schema, error) { return d.setup.Schema, nil }

func (d doubler) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(b arrow.RecordBatch) error {
		columns := make([]arrow.Array, b.NumCols())
		for i, c := range b.Columns() {
			columns[i] = doubled(c.(*array.Float64), out.Allocator())
			defer columns[i].Release()
		}
		made := array.NewRecordBatch(b.Schema(), columns, b.NumRows())
		defer made.Release()
		return out.Write(made)
	})
}

func doubled(c *array.Float64, mem memory.Allocator) arrow.Array {
	buffer := memory.NewResizableBuffer(mem)
	defer buffer.Release()
	buffer.Resize(arrow.Float64Traits.BytesRequired(c.Len()))
	to := arrow.Float64Traits.CastFromBytes(buffer.Bytes())
	for i, v := range c.Float64Values() {
		to[i] = 2 * v
	}
	data := array.NewData(c.DataType(), c.Len(), []*memory.Buffer{nil, buffer}, nil, 0, 0)
	defer data.Release()
	return array.NewFloat64Data(data)
}

// full is a batch of 16 columns that takes about 8 MiB.
func full() arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	for i := range 16 {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		for row := range 65_000 {
			b.Append(float64(row))
		}
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: arrow.PrimitiveTypes.Float64, Nullable: true})
		columns = append(columns, b.NewArray())
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 65_000)
}

// BenchmarkThreeStages moves 200 full batches through three kernels of one
// process, the way of each edge and of each plane.
func BenchmarkThreeStages(b *testing.B) {
	batch := full()
	for _, shared := range []bool{true, false} {
		for _, apart := range []bool{true, false} {
			b.Run(fmt.Sprintf("shared=%t/fused=%t", shared, !apart), func(b *testing.B) {
				k := newPlane(b, shared)
				nodes := []Node{labRowsNode(b, 3)}
				for i := range 3 {
					n := labNode(fmt.Sprint("k", i), "add", nodes[i].Name, labConfig{})
					n.Use.Kernel, n.Config = "double", nil
					nodes = append(nodes, n)
				}
				plan := mustPlan(b, k, nodes...)
				plan.nodes[0].source = repeated{plan.nodes[0].source, batch, 200}
				for _, n := range plan.nodes {
					n.schema = batch.Schema()
				}
				b.SetBytes(200 * 16 * 65_000 * 8)
				for b.Loop() {
					result, err := Run(context.Background(), plan, k, Events{}, Options{Keep: KeepNone, NoFusion: apart})
					if err != nil || result.Node("k2").RowsOut != 13_000_000 {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
