// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

func TestContract(t *testing.T) { plugintest.Test(t, plugintest.InProcess(info, service)) }

// TestFeaturesAreClipped and nothing else: not the target, not what is missing.
func TestFeaturesAreClipped(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		table.WithRole(arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, table.RoleTarget),
	}, nil)
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{-1, 0.5, 9, 7, math.Inf(1)}, []bool{true, true, true, false, true})
	column := b.NewArray()
	instance, err := newClip(kernel.NewSetup(schema, nil))
	if err != nil {
		t.Fatal(err)
	}
	out := kernel.NewWriter(func(batch arrow.RecordBatch) error {
		a := batch.Column(0).(*array.Float64)
		if got := a.Float64Values(); !slices.Equal([]float64{got[0], got[1], got[2], got[4]}, []float64{0, 0.5, 1, 1}) || !a.IsNull(3) {
			t.Errorf("clipped to %v", a)
		}
		if batch.Column(1) != column {
			t.Errorf("the target became %v", batch.Column(1))
		}
		return nil
	})
	in := array.NewRecordBatch(schema, []arrow.Array{column, column}, int64(column.Len()))
	if _, err := instance.(kernel.Transformer).Transform(t.Context(), kernel.FromBatches(schema, in), out); err != nil || out.Rows() != 5 {
		t.Errorf("%d rows, %v", out.Rows(), err)
	}
}

func TestEmptyRange(t *testing.T) {
	_, err := newClip(kernel.NewSetup(nil, []byte(`{"low": 2, "high": 1}`)))
	if d, ok := errors.AsType[*diag.Diagnostic](err); !ok || !slices.Equal(d.Path, []string{"low"}) {
		t.Errorf("got %v", err)
	}
}
