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
)

type clip struct {
	Low  float64 `json:"low" default:"0" doc:"Smallest value that is kept."`
	High float64 `json:"high" default:"1" doc:"Largest value that is kept."`
}

func (c *clip) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	err := in.Each(func(batch arrow.RecordBatch) error {
		columns := slices.Clone(batch.Columns())
		for i, column := range columns {
			if values, ok := column.(*array.Float64); ok {
				columns[i] = c.column(values)
			}
		}
		return out.Write(array.NewRecordBatch(batch.Schema(), columns, batch.NumRows()))
	})
	return kernel.Report{"low": c.Low, "high": c.High}, err
}

func (c *clip) column(values *array.Float64) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	for i, v := range values.Values() {
		b.AppendValues([]float64{min(max(v, c.Low), c.High)}, []bool{values.IsValid(i)})
	}
	return b.NewArray()
}

func newClip(s *kernel.Setup) (kernel.Instance, error) {
	c := &clip{}
	err := s.Config(c)
	if c.Low > c.High {
		return nil, diag.Errorf("Empty range", "low is above high.").At("low")
	}
	return c, err
}

var info, service = plugin.Info{Name: "hello-kernel", Version: "0.1.0"}, kernel.Serve(kernel.Kernel{
	Name: "clip", Compartment: kernel.Data, Transforms: true, Config: clip{}, New: newClip,
})

func main() { plugin.Serve(info, service) }
