// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Transform passes every column on and adds predictions.
func (l *learner) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	index, err := locate(in.Schema(), l.saved.Features)
	if err != nil {
		return nil, err
	}
	schema := l.outputSchema(in.Schema())
	sum := newSummary(l.saved)
	err = in.Each(func(b arrow.RecordBatch) error { return l.predictBatch(ctx, b, index, schema, out, sum) })
	if err != nil {
		return nil, err
	}
	return l.predictReport(in, out, schema, sum), nil
}

func (l *learner) predictBatch(ctx context.Context, batch arrow.RecordBatch, index []int, schema *arrow.Schema, out *kernel.Writer, sum *summary) error {
	x, err := featureMatrix(batch.Schema(), []arrow.RecordBatch{batch}, index)
	if err != nil {
		return err
	}
	p, err := l.saved.Model.Predict(ctx, x)
	if err != nil {
		return err
	}
	sum.add(p)
	cols := append(append([]arrow.Array{}, batch.Columns()...), l.predicted(p)...)
	return out.Write(array.NewRecordBatch(schema, cols, batch.NumRows()))
}

// locate finds the columns that a model was fitted on by name.
func locate(s *arrow.Schema, features []string) ([]int, error) {
	var index []int
	for _, name := range features {
		at := s.FieldIndices(name)
		if len(at) == 0 {
			return nil, diag.Errorf("Missing column", "The model was fitted on column %q, which is not in the input. Give the column, or fit the model again.", name)
		}
		if s.Field(at[0]).Type.ID() == arrow.STRING {
			return nil, diag.Errorf("Text column", "Column %q holds text, and the model was fitted on numbers. Prepare the input as it was for the fit.", name)
		}
		index = append(index, at[0])
	}
	return index, nil
}

// OutputSchema is known once the model is.
func (l *learner) OutputSchema() (*arrow.Schema, error) {
	if l.saved.Model == nil {
		return nil, nil
	}
	return l.outputSchema(l.setup.Schema), nil
}

// outputSchema is the input's with the prediction columns behind.
func (l *learner) outputSchema(in *arrow.Schema) *arrow.Schema {
	added := []arrow.Field{{Name: "prediction", Type: l.predictionType()}}
	for _, c := range l.saved.Classes.Names {
		added = append(added, arrow.Field{Name: "probability_" + c, Type: arrow.PrimitiveTypes.Float64})
	}
	return withPredictions(in, added...)
}

// withPredictions is a schema with columns behind, under names that are not in use.
func withPredictions(in *arrow.Schema, added ...arrow.Field) *arrow.Schema {
	taken := map[string]bool{}
	for _, f := range in.Fields() {
		taken[f.Name] = true
	}
	fields := slices.Clone(in.Fields())
	for _, f := range added {
		f.Name = free(taken, f.Name)
		taken[f.Name] = true
		fields = append(fields, table.WithRole(f, table.RolePrediction))
	}
	meta := in.Metadata()
	return arrow.NewSchema(fields, &meta)
}

// free numbers a name that is in use.
func free(taken map[string]bool, name string) string {
	out := name
	for k := 2; taken[out]; k++ {
		out = name + "_" + strconv.Itoa(k)
	}
	return out
}

// predictionType is the type of the target for classes, float64 for numbers.
func (l *learner) predictionType() arrow.DataType {
	if l.saved.Model.Kind == task.Regression {
		return arrow.PrimitiveTypes.Float64
	}
	switch l.saved.Type {
	case "utf8":
		return arrow.BinaryTypes.String
	case "bool":
		return arrow.FixedWidthTypes.Boolean
	case "int64":
		return arrow.PrimitiveTypes.Int64
	default:
		return arrow.PrimitiveTypes.Float64
	}
}

// predicted builds the prediction columns.
func (l *learner) predicted(p estimator.Prediction) []arrow.Array {
	if l.saved.Model.Kind == task.Regression {
		return []arrow.Array{floats(p.Values)}
	}
	cols := []arrow.Array{l.labels(p.Codes)}
	for c := range l.saved.Classes.Names {
		v := make([]float64, p.Proba.Rows)
		for i := range v {
			v[i] = p.Proba.Row(i)[c]
		}
		cols = append(cols, floats(v))
	}
	return cols
}

func floats(v []float64) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues(v, nil)
	return b.NewArray()
}

// labels writes class codes as values of the target's type.
func (l *learner) labels(codes []int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, l.predictionType())
	for _, c := range codes {
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(l.saved.Classes.Names[c])
		case *array.BooleanBuilder:
			b.Append(l.saved.Classes.Names[c] == "true")
		case *array.Int64Builder:
			b.Append(int64(l.saved.Classes.Numbers[c]))
		case *array.Float64Builder:
			b.Append(l.saved.Classes.Numbers[c])
		}
	}
	return b.NewArray()
}

// summary of predictions for the report.
type summary struct {
	classes  []string
	counts   []int
	rows     int
	total    float64
	min, max float64
}

func newSummary(s estimator.Saved) *summary {
	return &summary{classes: s.Classes.Names, counts: make([]int, len(s.Classes.Names)), min: math.Inf(1), max: math.Inf(-1)}
}

func (s *summary) add(p estimator.Prediction) {
	for _, c := range p.Codes {
		s.counts[c]++
		s.rows++
	}
	for _, v := range p.Values {
		s.rows++
		s.total += v
		s.min, s.max = math.Min(s.min, v), math.Max(s.max, v)
	}
}

// describe is the summary under the report's key predictions.
func (s *summary) describe(column string) map[string]any {
	out := map[string]any{"column": column, "rows": s.rows}
	if len(s.classes) == 0 {
		if s.rows > 0 {
			out["mean"], out["min"], out["max"] = s.total/float64(s.rows), s.min, s.max
		}
		return out
	}
	by := map[string]int{}
	for c, name := range s.classes {
		by[name] = s.counts[c]
	}
	out["classes"] = by
	return out
}
