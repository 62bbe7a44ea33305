// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/number"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/onepass"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// imputerOptions are the settings of data.impute.
type imputerOptions struct {
	Numbers     string  `json:"numbers" default:"mean" one_of:"mean|constant|none" doc:"What missing numbers become. The median needs all values at once: data.prepare has it."`
	FillNumber  float64 `json:"fill_number" default:"0" doc:"The number of constant, and of columns without any value."`
	Text        string  `json:"text" default:"most_frequent" one_of:"most_frequent|constant|none" doc:"What missing texts become."`
	FillText    string  `json:"fill_text" default:"missing" doc:"The text of constant, and of columns without any value or with more distinct ones than max_distinct."`
	MaxDistinct int     `json:"max_distinct" default:"10000" min:"1" max:"1000000" doc:"Distinct texts of a column that are counted to find the most frequent one."`
}

func imputeKernel() kernel.Kernel {
	return kernel.Kernel{
		Name: "impute", Summary: "Fill missing cells in one pass, in memory that does not grow with the rows.",
		Compartment: kernel.Data, Config: imputerOptions{}, Fits: true, Transforms: true, RowWise: true,
		StateVersion: imputerVersion, MinStateVersion: imputerVersion,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			k := &imputer{setup: s}
			return k, s.Config(&k.opt)
		},
	}
}

// imputer is one call of data.impute. Numeric features become float64 and their
// NaNs count as missing; texts stay texts; other columns pass through.
type imputer struct {
	setup *kernel.Setup
	opt   imputerOptions

	numbers []string
	fills   []float64
	texts   []string
	words   []string
}

// OutputSchema is that of the input with filled numbers as float64.
func (k *imputer) OutputSchema() (*arrow.Schema, error) {
	return asFloats(k.setup.Schema, k.numeric(k.setup.Schema)), nil
}

func (k *imputer) numeric(s *arrow.Schema) []int {
	if k.opt.Numbers == "none" {
		return nil
	}
	return numericFeatures(s)
}

func (k *imputer) textual(s *arrow.Schema) []int {
	if k.opt.Text == "none" {
		return nil
	}
	return slices.DeleteFunc(table.Features(s), func(i int) bool { return !isText(s.Field(i).Type) })
}

func isText(t arrow.DataType) bool { return t.ID() == arrow.STRING }

// Fit learns the mean of numbers and the most frequent text of each feature.
func (k *imputer) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	numbers, texts := k.numeric(in.Schema()), k.textual(in.Schema())
	moments, counts := make([]onepass.Moments, len(numbers)), make([]onepass.Counts, len(texts))
	for i := range counts {
		counts[i].Max = k.opt.MaxDistinct
	}
	var scratch []float64
	err := readOnce(ctx, in, func(b arrow.RecordBatch) {
		for i, at := range numbers {
			moments[i].Add(number.Values(b.Column(at), &scratch), number.Valid(b.Column(at)))
		}
		for i, at := range texts {
			count(&counts[i], b.Column(at))
		}
	})
	if err != nil {
		return nil, err
	}
	report := map[string]any{}
	if err := k.learnNumbers(in.Schema(), numbers, moments, report); err != nil {
		return nil, err
	}
	k.learnTexts(in.Schema(), texts, counts, report)
	return kernel.Report{"columns": report}, nil
}

func count(c *onepass.Counts, a arrow.Array) {
	text, ok := a.(*array.String)
	if !ok {
		return
	}
	for i := range text.Len() {
		if text.IsNull(i) {
			c.Missing++
			continue
		}
		c.Add(text.Value(i))
	}
}

func (k *imputer) learnNumbers(s *arrow.Schema, at []int, moments []onepass.Moments, report map[string]any) error {
	for i, c := range at {
		name, fill := s.Field(c).Name, k.opt.FillNumber
		if k.opt.Numbers == "mean" && moments[i].N > 0 {
			fill = moments[i].Mean
		}
		if math.IsNaN(fill) || math.IsInf(fill, 0) {
			return diag.Errorf("Values too large for a mean", "The values of column %q go from %g to %g. Bring them to another unit first, or fill with a constant.", name, moments[i].Min, moments[i].Max)
		}
		k.numbers, k.fills = append(k.numbers, name), append(k.fills, fill)
		report[name] = map[string]any{"missing": moments[i].Missing, "fill": fill}
	}
	return nil
}

func (k *imputer) learnTexts(s *arrow.Schema, at []int, counts []onepass.Counts, report map[string]any) {
	for i, c := range at {
		name, fill := s.Field(c).Name, k.opt.FillText
		if best, ok := counts[i].MostFrequent(); ok && k.opt.Text == "most_frequent" && !counts[i].Overflow {
			fill = best
		}
		if counts[i].Overflow && k.opt.Text == "most_frequent" && counts[i].Missing > 0 {
			k.setup.Diagnose(diag.Warningf("Too many distinct texts", "Column %q has more than %d distinct values, so its %d missing ones become %q. Raise max_distinct to count them all.", name, k.opt.MaxDistinct, counts[i].Missing, fill))
		}
		k.texts, k.words = append(k.texts, name), append(k.words, fill)
		report[name] = map[string]any{"missing": counts[i].Missing, "fill": fill}
	}
}

// Save returns what Fit learnt.
func (k *imputer) Save() ([]byte, error) {
	w := state.New(state.Header{Kernel: "data.impute", Plugin: version.Version, Version: imputerVersion, Input: state.Columns(k.setup.Schema), Seed: k.setup.Seed})
	w.Strings("numbers", k.numbers)
	w.Floats("fills", k.fills)
	w.Strings("texts", k.texts)
	w.Strings("words", k.words)
	return w.Bytes()
}

// Load reads it.
func (k *imputer) Load(data []byte) error {
	s, err := state.Load(data, state.Want{Kernel: "data.impute", Version: imputerVersion})
	if err != nil {
		return err
	}
	r := s.Reader()
	k.numbers = r.Strings("numbers", -1)
	k.fills = r.Finite("fills", len(k.numbers))
	k.texts = r.Strings("texts", -1)
	k.words = r.Strings("words", len(k.texts))
	return r.End()
}

// Transform fills batch by batch.
func (k *imputer) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	numbers, err := fitted(in.Schema(), k.numbers, isNumber)
	if err != nil {
		return nil, err
	}
	texts, err := fitted(in.Schema(), k.texts, isText)
	if err != nil {
		return nil, err
	}
	f := filling{imputer: k, out: out, numbers: numbers, texts: texts, schema: asFloats(in.Schema(), numbers)}
	err = in.Each(func(b arrow.RecordBatch) error { return f.batch(ctx, b) })
	return kernel.Report{"filled_cells": f.filled}, err
}

// filling is a transform on its way.
type filling struct {
	*imputer
	out            *kernel.Writer
	numbers, texts []int
	schema         *arrow.Schema
	scratch        []float64
	filled         int64
}

func (f *filling) batch(ctx context.Context, b arrow.RecordBatch) error {
	columns, made := slices.Clone(b.Columns()), []int{}
	for i, c := range f.numbers {
		if a, ok := b.Column(c).(*array.Float64); ok && whole(a) {
			continue // as it came: nothing to copy
		}
		columns[c] = f.number(b.Column(c), f.fills[i])
		made = append(made, c)
	}
	for i, c := range f.texts {
		if b.Column(c).NullN() > 0 {
			columns[c] = f.text(b.Column(c), f.words[i])
			made = append(made, c)
		}
	}
	return writeColumns(ctx, f.out, f.schema, columns, made, b.NumRows())
}

// whole reports whether nothing is missing.
func whole(a *array.Float64) bool {
	if a.NullN() > 0 {
		return false
	}
	for _, x := range a.Float64Values() {
		if x != x {
			return false
		}
	}
	return true
}

func (f *filling) number(a arrow.Array, fill float64) arrow.Array {
	in, valid := number.Values(a, &f.scratch), number.Valid(a)
	return number.Known(a.Len(), f.out.Allocator(), func(to []float64) {
		for i, x := range in {
			if x != x || valid != nil && !valid(i) {
				x = fill
				f.filled++
			}
			to[i] = x
		}
	})
}

func (f *filling) text(a arrow.Array, fill string) arrow.Array {
	b := array.NewStringBuilder(f.out.Allocator())
	defer b.Release()
	if in, ok := a.(*array.String); ok {
		for i := range in.Len() {
			if in.IsNull(i) {
				b.Append(fill)
				f.filled++
				continue
			}
			b.Append(in.Value(i))
		}
	}
	return b.NewArray()
}
