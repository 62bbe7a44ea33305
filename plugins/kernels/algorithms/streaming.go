// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/linear"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// linearSettings are those of algorithms.linear.
type linearSettings struct {
	Alpha float64 `json:"alpha" default:"1" min:"0" doc:"Strength of the L2 penalty; 0 is ordinary least squares."`
}

// linearVersion is that of the state of algorithms.linear.
const linearVersion = 1

func linearKernel() kernel.Kernel {
	return kernel.Kernel{
		Name: "linear", Summary: "Linear regression with an L2 penalty in one pass, in memory that does not grow with the rows.",
		Compartment: kernel.Algorithms, Config: linearSettings{}, Fits: true, Transforms: true, RowWise: true,
		StateVersion: linearVersion, MinStateVersion: linearVersion,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			l := &streamed{setup: s}
			return l, s.Config(&l.opt)
		},
	}
}

// streamed is one call of algorithms.linear. It scores rows that it has seen at
// fit; for scores on held-out rows use algorithms.ridge.
type streamed struct {
	setup    *kernel.Setup
	opt      linearSettings
	features []string
	model    linear.Ridge
}

// Validate checks the schema before any data moves.
func (l *streamed) Validate() error {
	if err := checkSchema(l.setup.Schema); err != nil {
		return err
	}
	target := l.setup.Schema.Field(table.TargetIndex(l.setup.Schema))
	if !arrow.IsInteger(target.Type.ID()) && !arrow.IsFloating(target.Type.ID()) {
		return diag.Errorf("Target that is no number", "The target %q is %s, and linear regression learns numbers. Use logistic, knn or auto for classes.", target.Name, target.Type)
	}
	return nil
}

// OutputSchema is the input's with the prediction behind.
func (l *streamed) OutputSchema() (*arrow.Schema, error) { return withPrediction(l.setup.Schema), nil }

func withPrediction(in *arrow.Schema) *arrow.Schema {
	return withPredictions(in, arrow.Field{Name: "prediction", Type: arrow.PrimitiveTypes.Float64, Nullable: true})
}

// Fit sums the rows and solves once.
func (l *streamed) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	s := in.Schema()
	at := append(table.Features(s), table.TargetIndex(s))
	sums := linear.NewSums(len(at))
	columns := make([][]float64, len(at))
	err := in.Each(func(b arrow.RecordBatch) error {
		if err := gather(b, at, columns, in.Row()); err != nil {
			return err
		}
		sums.Add(columns)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	if in.Rows() == 0 {
		return nil, emptyTable()
	}
	model, err := sums.Ridge(l.opt.Alpha)
	if err != nil {
		return nil, diag.Errorf("No regression", "%v.", err)
	}
	l.model = *model
	for _, i := range at[:len(at)-1] {
		l.features = append(l.features, s.Field(i).Name)
	}
	return l.fitReport(sums), nil
}

func (l *streamed) fitReport(sums *linear.Sums) kernel.Report {
	left, total := sums.Residual(&l.model)
	metrics := map[string]any{"rmse_seen": math.Sqrt(left / float64(sums.Rows))}
	if total > 0 {
		metrics["r2_seen"] = 1 - left/total
	}
	coefficients := map[string]float64{}
	for i, name := range l.features {
		coefficients[name] = l.model.Coef[i]
	}
	return kernel.Report{"model": map[string]any{
		"coefficients": coefficients, "intercept": l.model.Intercept, "solver": l.model.Solver, "rank": l.model.Rank, "rows": sums.Rows,
	}, "metrics": metrics}
}

// gather copies columns out of a batch. Values that are missing or infinite are
// an error that names the column and the first row.
func gather(b arrow.RecordBatch, at []int, columns [][]float64, first int64) error {
	for j, i := range at {
		columns[j] = numbers(b.Column(i), columns[j][:0])
		for row, x := range columns[j] {
			if x-x != 0 {
				return diag.Errorf("Missing values", "Column %q has no usable value in row %d, and this model needs every cell. %s", b.ColumnName(i), first+int64(row), fills(b.Schema(), i))
			}
		}
	}
	return nil
}

// fills says which kernel helps against missing values of a column: none makes up a
// target.
func fills(s *arrow.Schema, column int) string {
	if column == table.TargetIndex(s) {
		return "It is the target: put a data.prepare kernel before it, which drops and counts such rows."
	}
	return "Put data.impute before it."
}

// numbers appends the values of an array; what is missing or no number is NaN.
func numbers(a arrow.Array, out []float64) []float64 {
	if f, ok := a.(*array.Float64); ok && f.NullN() == 0 {
		return append(out, f.Float64Values()...)
	}
	for i := range a.Len() {
		x, ok := number(a, i)
		if !ok {
			x = math.NaN()
		}
		out = append(out, x)
	}
	return out
}

// Save returns the regression.
func (l *streamed) Save() ([]byte, error) {
	w := state.New(state.Header{Kernel: "algorithms.linear", Plugin: version.Version, Version: linearVersion, Input: state.Columns(l.setup.Schema), Seed: l.setup.Seed})
	w.Strings("features", l.features)
	w.Floats("coef", l.model.Coef)
	w.Floats("intercept", []float64{l.model.Intercept})
	return w.Bytes()
}

// Load reads it.
func (l *streamed) Load(data []byte) error {
	s, err := state.Load(data, state.Want{Kernel: "algorithms.linear", Version: linearVersion})
	if err != nil {
		return err
	}
	r := s.Reader()
	l.features = r.Strings("features", -1)
	l.model.Coef = r.Finite("coef", len(l.features))
	if one := r.Finite("intercept", 1); len(one) == 1 {
		l.model.Intercept = one[0]
	}
	return r.End()
}

// Transform adds the prediction to every row.
func (l *streamed) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	at, err := locate(in.Schema(), l.features)
	if err != nil {
		return nil, err
	}
	schema := withPrediction(in.Schema())
	columns := make([][]float64, len(at))
	err = in.Each(func(b arrow.RecordBatch) error {
		if err := gather(b, at, columns, in.Row()); err != nil {
			return err
		}
		added := l.predict(columns, int(b.NumRows()), out.Allocator())
		batch := array.NewRecordBatch(schema, append(slices.Clone(b.Columns()), added), b.NumRows())
		added.Release()
		defer batch.Release()
		if err := out.Write(batch); err != nil {
			return err
		}
		return ctx.Err()
	})
	return kernel.Report{"predictions": map[string]any{"column": schema.Field(schema.NumFields() - 1).Name, "rows": out.Rows()}}, err
}

func (l *streamed) predict(columns [][]float64, rows int, alloc memory.Allocator) arrow.Array {
	values := memory.NewResizableBuffer(alloc)
	values.Resize(8 * rows)
	defer values.Release()
	out := arrow.Float64Traits.CastFromBytes(values.Bytes())[:rows]
	for i := range out {
		out[i] = l.model.Intercept
	}
	for j, c := range columns {
		w := l.model.Coef[j]
		for i, x := range c {
			out[i] += w * x
		}
	}
	data := array.NewData(arrow.PrimitiveTypes.Float64, rows, []*memory.Buffer{nil, values}, nil, 0, 0)
	defer data.Release()
	return array.NewFloat64Data(data)
}
