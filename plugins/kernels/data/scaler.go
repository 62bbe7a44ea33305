// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/number"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/onepass"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// scalerOptions are the settings of data.scale.
type scalerOptions struct {
	Kind string `json:"kind" default:"standard" one_of:"standard|minmax" doc:"standard subtracts the mean and divides by the population standard deviation; minmax maps the range to 0 to 1. A column that does not vary is only moved."`
}

// The versions of the states of the kernels that need one pass.
const (
	scalerVersion  = 1
	imputerVersion = 1
	checkerVersion = 1
)

func scaleKernel() kernel.Kernel {
	return kernel.Kernel{
		Name: "scale", Summary: "Scale numeric columns in one pass, in memory that does not grow with the rows.",
		Compartment: kernel.Data, Config: scalerOptions{}, Fits: true, Transforms: true, RowWise: true,
		StateVersion: scalerVersion, MinStateVersion: scalerVersion,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			k := &scaler{setup: s}
			return k, s.Config(&k.opt)
		},
	}
}

// scaler is one call of data.scale: (x - centre) / width for each numeric
// feature. Other columns pass through, and missing values stay missing.
type scaler struct {
	setup *kernel.Setup
	opt   scalerOptions

	columns       []string
	centre, width []float64
}

// Validate checks the schema before any data moves.
func (k *scaler) Validate() error { return needsNumbers(k.setup.Schema) }

func needsNumbers(s *arrow.Schema) error {
	if len(numericFeatures(s)) == 0 {
		return diag.Errorf("No numeric columns", "None of the %d columns is a numeric feature. Give this kernel a table that has some.", s.NumFields())
	}
	return nil
}

// OutputSchema is that of the input with scaled columns as float64.
func (k *scaler) OutputSchema() (*arrow.Schema, error) {
	return asFloats(k.setup.Schema, numericFeatures(k.setup.Schema)), nil
}

// Fit learns the moments of every numeric feature.
func (k *scaler) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	moments, err := momentsOf(ctx, in, numericFeatures(in.Schema()))
	if err != nil {
		return nil, err
	}
	report := kernel.Report{}
	for i, at := range numericFeatures(in.Schema()) {
		name := in.Schema().Field(at).Name
		centre, width, err := k.learn(name, moments[i])
		if err != nil {
			return nil, err
		}
		k.columns, k.centre, k.width = append(k.columns, name), append(k.centre, centre), append(k.width, width)
		report[name] = map[string]any{"centre": centre, "width": width, "missing": moments[i].Missing}
	}
	return kernel.Report{"kind": k.opt.Kind, "columns": report}, nil
}

func (k *scaler) learn(name string, m onepass.Moments) (centre, width float64, err error) {
	if m.Infinite > 0 {
		return 0, 0, diag.Errorf("Infinite values", "Column %q has %d infinite values, which have no scale. Filter them before this step.", name, m.Infinite)
	}
	if m.N == 0 {
		return 0, 1, nil
	}
	centre, width = m.Mean, m.Deviation()
	if k.opt.Kind == "minmax" {
		centre, width = m.Min, m.Max-m.Min
	}
	if width == 0 {
		width = 1
	}
	if sum := centre + width; math.IsNaN(sum) || math.IsInf(sum, 0) || math.IsInf(width, 0) {
		return 0, 0, diag.Errorf("Values too large to scale", "The values of column %q go from %g to %g. Bring them to another unit first.", name, m.Min, m.Max)
	}
	return centre, width, nil
}

// momentsOf reads all rows.
func momentsOf(ctx context.Context, in *kernel.Reader, columns []int) ([]onepass.Moments, error) {
	out := make([]onepass.Moments, len(columns))
	var scratch []float64
	err := readOnce(ctx, in, func(b arrow.RecordBatch) {
		for i, at := range columns {
			a := b.Column(at)
			out[i].Add(number.Values(a, &scratch), number.Valid(a))
		}
	})
	return out, err
}

// readOnce looks at all rows, batch by batch. Of a table without any nothing can be
// learnt, which is an error.
func readOnce(ctx context.Context, in *kernel.Reader, look func(arrow.RecordBatch)) error {
	err := in.Each(func(b arrow.RecordBatch) error {
		look(b)
		return ctx.Err()
	})
	if err == nil && in.Rows() == 0 {
		err = emptyTable()
	}
	return err
}

func emptyTable() error {
	return diag.Errorf("Empty table", "The input has no rows, so there is nothing to learn from. Check the source of this kernel.")
}

// Save returns what Fit learnt.
func (k *scaler) Save() ([]byte, error) {
	w := state.New(state.Header{Kernel: "data.scale", Plugin: version.Version, Version: scalerVersion, Input: state.Columns(k.setup.Schema), Seed: k.setup.Seed})
	w.Strings("columns", k.columns)
	w.Floats("centre", k.centre)
	w.Floats("width", k.width)
	return w.Bytes()
}

// Load reads it.
func (k *scaler) Load(data []byte) error {
	s, err := state.Load(data, state.Want{Kernel: "data.scale", Version: scalerVersion})
	if err != nil {
		return err
	}
	r := s.Reader()
	k.columns = r.Strings("columns", -1)
	k.centre = r.Finite("centre", len(k.columns))
	k.width = r.Finite("width", len(k.columns))
	return r.End()
}

// Transform scales batch by batch.
func (k *scaler) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	at, err := fitted(in.Schema(), k.columns, isNumber)
	if err != nil {
		return nil, err
	}
	schema := asFloats(in.Schema(), at)
	var scratch []float64
	err = in.Each(func(b arrow.RecordBatch) error {
		columns := slices.Clone(b.Columns())
		for i, c := range at {
			columns[c] = scaled(b.Column(c), k.centre[i], k.width[i], out, &scratch)
		}
		return writeColumns(ctx, out, schema, columns, at, b.NumRows())
	})
	return kernel.Report{"scaled": len(at)}, err
}

func scaled(a arrow.Array, centre, width float64, out *kernel.Writer, scratch *[]float64) arrow.Array {
	in := number.Values(a, scratch)
	return number.Like(a, out.Allocator(), func(to []float64) {
		in = in[:len(to)]
		for i := range to {
			to[i] = (in[i] - centre) / width
		}
	})
}
