// SPDX-License-Identifier: Apache-2.0

// Hello-kernel is a complete kernel plugin: it limits every float64 feature to
// a range.
package main

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

type clip struct {
	Low  float64 `json:"low" default:"0" doc:"Smallest value that is kept."`
	High float64 `json:"high" default:"1" doc:"Largest value that is kept."`

	schema *arrow.Schema
}

// OutputSchema is that of the input.
func (c *clip) OutputSchema() (*arrow.Schema, error) { return c.schema, nil }

func (c *clip) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	err := in.Each(func(batch arrow.RecordBatch) error {
		columns := slices.Clone(batch.Columns())
		for _, i := range table.Features(batch.Schema()) {
			if values, ok := columns[i].(*array.Float64); ok {
				columns[i] = c.column(values, out.Allocator())
				defer columns[i].Release()
			}
		}
		clipped := array.NewRecordBatch(batch.Schema(), columns, batch.NumRows())
		defer clipped.Release()
		return out.Write(clipped)
	})
	return kernel.Report{"low": c.Low, "high": c.High}, err
}

func (c *clip) column(values *array.Float64, alloc memory.Allocator) arrow.Array {
	b := array.NewFloat64Builder(alloc)
	defer b.Release()
	b.Reserve(values.Len())
	for i, v := range values.Values() {
		if values.IsNull(i) {
			b.AppendNull()
			continue
		}
		b.UnsafeAppend(min(max(v, c.Low), c.High))
	}
	return b.NewArray()
}

func newClip(s *kernel.Setup) (kernel.Instance, error) {
	c := &clip{schema: s.Schema}
	err := s.Config(c)
	if c.Low > c.High {
		return nil, diag.Errorf("Empty range", "low is above high.").At("low")
	}
	return c, err
}

var info, service = plugin.Info{Name: "hello-kernel", Version: "0.1.0"}, kernel.Serve(kernel.Kernel{
	Name: "clip", Compartment: kernel.Data, Transforms: true, RowWise: true, Config: clip{}, New: newClip,
})

func main() { plugin.Serve(info, service) }
