// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/given"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// lines is a table of y = 3a - 2b + 5.
func lines(rows int) arrow.RecordBatch {
	a, b := array.NewFloat64Builder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	y := array.NewFloat64Builder(memory.DefaultAllocator)
	for i := range rows {
		x := math.Sin(float64(i))
		a.Append(x)
		b.Append(int64(i % 7))
		y.Append(3*x - 2*float64(i%7) + 5)
	}
	fields := []arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, {Name: "b", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		table.WithRole(arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, table.RoleTarget),
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), []arrow.Array{a.NewArray(), b.NewArray(), y.NewArray()}, int64(rows))
}

func linearOn(t *testing.T, fit, score []arrow.RecordBatch) (predicted []float64, report kernel.Report, err error) {
	t.Helper()
	config := []byte(strings.Replace(string(schema.Defaults(linearSettings{})), `"alpha":1`, `"alpha":0`, 1))
	first, err := linearKernel().New(kernel.NewSetup(fit[0].Schema(), config))
	if err != nil {
		t.Fatal(err)
	}
	if report, err = first.(kernel.Fitter).Fit(context.Background(), kernel.FromBatches(fit[0].Schema(), fit...)); err != nil {
		return nil, nil, err
	}
	state, err := first.(kernel.Fitter).Save()
	if err != nil {
		t.Fatal(err)
	}
	given.Told(t, state)
	second, err := linearKernel().New(kernel.NewSetup(score[0].Schema(), config))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.(kernel.Fitter).Load(state); err != nil {
		t.Fatal(err)
	}
	out := kernel.NewWriter(func(b arrow.RecordBatch) error {
		predicted = append(predicted, b.Column(int(b.NumCols())-1).(*array.Float64).Float64Values()...)
		return nil
	})
	_, err = second.(kernel.Transformer).Transform(context.Background(), kernel.FromBatches(score[0].Schema(), score...), out)
	return predicted, report, err
}

func TestLinearInOnePass(t *testing.T) {
	all := lines(1000)
	var parts []arrow.RecordBatch
	for from := int64(0); from < 1000; from += 96 {
		parts = append(parts, all.NewSlice(from, min(from+96, 1000)))
	}
	predicted, report, err := linearOn(t, parts, parts)
	if err != nil || len(predicted) != 1000 {
		t.Fatalf("%d predictions, %v", len(predicted), err)
	}
	y := all.Column(2).(*array.Float64).Float64Values()
	for i, p := range predicted {
		if math.Abs(p-y[i]) > 1e-9 {
			t.Fatalf("row %d: %v, want %v", i, p, y[i])
		}
	}
	model := report["model"].(map[string]any)
	if w := model["coefficients"].(map[string]float64); math.Abs(w["a"]-3) > 1e-9 || math.Abs(w["b"]+2) > 1e-9 {
		t.Errorf("model %v", model)
	}
	if r2 := report["metrics"].(map[string]any)["r2_seen"].(float64); math.Abs(r2-1) > 1e-9 {
		t.Errorf("metrics %v", report["metrics"])
	}
}

func TestLinearNamesTheHole(t *testing.T) {
	for column, want := range map[int]string{
		0: `Column "a" has no usable value in row 5, and this model needs every cell. Put data.impute before it.`,
		2: "It is the target: put a data.prepare kernel before it",
	} {
		holes := array.NewFloat64Builder(memory.DefaultAllocator)
		holes.AppendValues([]float64{1, 2, 3}, []bool{true, true, false})
		whole := lines(3)
		columns := slices.Clone(whole.Columns())
		columns[column] = holes.NewArray()
		_, _, err := linearOn(t, []arrow.RecordBatch{whole, array.NewRecordBatch(whole.Schema(), columns, 3)}, []arrow.RecordBatch{whole})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
