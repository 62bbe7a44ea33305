// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// BenchmarkPrepare fits and transforms 1e5 rows of 50 columns, one cell in ten
// missing.
func BenchmarkPrepare(b *testing.B) {
	cols := make([]given.Column, 50)
	for j := range cols {
		cols[j] = given.Column{Name: fmt.Sprint("x", j), Cells: make([]any, 100_000)}
		for i := range cols[j].Cells {
			cols[j].Cells[i] = math.Sin(float64(i*50+j) * 12.9898)
			if (7*i+13*j)%10 == 0 {
				cols[j].Cells[i] = nil
			}
		}
	}
	in := given.Table(b, cols...)
	b.ResetTimer()
	for b.Loop() {
		c := fit(b, tolerant, in)
		if c.err != nil {
			b.Fatal(c.err)
		}
		if _, err := c.inst.Transform(context.Background(), kernel.FromBatches(in.Schema(), in),
			kernel.NewWriter(func(arrow.RecordBatch) error { return nil })); err != nil {
			b.Fatal(err)
		}
	}
}
