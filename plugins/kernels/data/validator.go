// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/number"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/onepass"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/rules"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// checkerOptions are the settings of data.validate.
type checkerOptions struct {
	Nulls         string             `json:"nulls" default:"learn" one_of:"learn|allow|refuse" doc:"Whether values may be missing: learn allows it in columns where some were."`
	Range         string             `json:"range" default:"learn" one_of:"learn|off" doc:"Learn the least and greatest number of each column, and reject rows outside of them."`
	Margin        float64            `json:"margin" default:"0" min:"0" max:"100" doc:"How far beyond a learnt range a number may be, as a share of its width."`
	Minimum       map[string]float64 `json:"minimum" default:"{}" doc:"Least values by column, instead of learnt ones."`
	Maximum       map[string]float64 `json:"maximum" default:"{}" doc:"Greatest values by column, instead of learnt ones."`
	Categories    string             `json:"categories" default:"learn" one_of:"learn|off" doc:"Learn the texts of each column, and reject rows with others."`
	MaxCategories int                `json:"max_categories" default:"1000" min:"1" max:"100000" doc:"A text column with more distinct values is free text, which is not checked."`
	ExtraColumns  string             `json:"extra_columns" default:"error" one_of:"error|ignore" doc:"What to do with columns that were not there when the rules were learnt."`
}

func validateKernel() kernel.Kernel {
	return kernel.Kernel{
		Name: "validate", Summary: "Learn what the columns of a table look like, and put aside rows that break it.",
		Compartment: kernel.Data, Config: checkerOptions{}, Fits: true, Transforms: true, RowWise: true,
		StateVersion: checkerVersion, MinStateVersion: checkerVersion,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			k := &checker{setup: s}
			return k, s.Config(&k.opt)
		},
	}
}

// checker is one call of data.validate. It passes rows on as they are; those
// that break a rule are rejected, each with everything that is wrong with it.
type checker struct {
	setup   *kernel.Setup
	opt     checkerOptions
	columns []rules.Column
}

// Validate checks that bounds are given for columns that are there.
func (k *checker) Validate() error {
	for path, bounds := range map[string]map[string]float64{"minimum": k.opt.Minimum, "maximum": k.opt.Maximum} {
		for name := range bounds {
			at := k.setup.Schema.FieldIndices(name)
			if len(at) == 0 || !number.Is(k.setup.Schema.Field(at[0]).Type) {
				return diag.Errorf("Bound of a column that is not there", "The input has no numeric column %q.", name).At(path, name)
			}
		}
	}
	return nil
}

// OutputSchema is that of the input.
func (k *checker) OutputSchema() (*arrow.Schema, error) { return k.setup.Schema, nil }

// Fit learns the rules.
func (k *checker) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	seen := make([]observed, in.Schema().NumFields())
	var scratch []float64
	err := readOnce(ctx, in, func(b arrow.RecordBatch) {
		for i, a := range b.Columns() {
			seen[i].add(a, k.opt.MaxCategories, &scratch)
		}
	})
	if err != nil {
		return nil, err
	}
	report := map[string]any{}
	for i, f := range in.Schema().Fields() {
		c := k.rule(f, &seen[i])
		k.columns = append(k.columns, c)
		report[f.Name] = told(c)
	}
	return kernel.Report{"columns": report}, nil
}

// observed is what was seen of a column.
type observed struct {
	moments onepass.Moments
	counts  onepass.Counts
	nulls   int64
}

func (o *observed) add(a arrow.Array, most int, scratch *[]float64) {
	o.nulls += int64(a.NullN())
	if number.Is(a.DataType()) {
		o.moments.Add(number.Values(a, scratch), number.Valid(a))
	}
	o.counts.Max = most
	count(&o.counts, a)
}

// rule decides what holds for a column.
func (k *checker) rule(f arrow.Field, seen *observed) rules.Column {
	c := rules.Column{Name: f.Name, Type: f.Type.String(), Min: math.Inf(-1), Max: math.Inf(1)}
	c.Nulls = k.opt.Nulls == "allow" || k.opt.Nulls == "learn" && seen.nulls+seen.moments.Missing > 0
	learns := table.Role(f) != table.RoleID // an id is new in every table
	if learns && k.opt.Range == "learn" && seen.moments.N > 0 {
		c.Min, c.Max = seen.moments.Min, seen.moments.Max
		c.Widen(k.opt.Margin)
	}
	if x, given := k.opt.Minimum[f.Name]; given {
		c.Min = x
	}
	if x, given := k.opt.Maximum[f.Name]; given {
		c.Max = x
	}
	if learns && isText(f.Type) && k.opt.Categories == "learn" && !seen.counts.Overflow {
		c.Categories = set(seen.counts.Values())
	}
	return c
}

func set(texts []string) map[string]bool {
	out := make(map[string]bool, len(texts))
	for _, text := range texts {
		out[text] = true
	}
	return out
}

// told is a rule in the report.
func told(c rules.Column) map[string]any {
	out := map[string]any{"type": c.Type, "nulls": c.Nulls}
	if !math.IsInf(c.Min, 0) {
		out["min"] = c.Min
	}
	if !math.IsInf(c.Max, 0) {
		out["max"] = c.Max
	}
	if c.Categories != nil {
		out["categories"] = len(c.Categories)
	}
	return out
}

// Transform passes on the rows that keep the rules.
func (k *checker) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if err := k.sameTable(in.Schema()); err != nil {
		return nil, err
	}
	broken := map[string]int64{}
	err := in.Each(func(b arrow.RecordBatch) error {
		if err := k.batch(b, in.Row(), out, broken); err != nil {
			return err
		}
		return ctx.Err()
	})
	return kernel.Report{"broken": broken, "rejected": k.setup.RejectedRows()}, err
}

// sameTable compares the columns with those of the fit and names every
// difference.
func (k *checker) sameTable(s *arrow.Schema) error {
	var wrong []string
	known := map[string]bool{}
	for _, c := range k.columns {
		known[c.Name] = true
		at := s.FieldIndices(c.Name)
		if len(at) == 0 {
			wrong = append(wrong, fmt.Sprintf("column %q is missing", c.Name))
		} else if t := s.Field(at[0]).Type.String(); t != c.Type {
			wrong = append(wrong, fmt.Sprintf("column %q is %s and was %s", c.Name, t, c.Type))
		}
	}
	for _, f := range s.Fields() {
		if !known[f.Name] && k.opt.ExtraColumns == "error" {
			wrong = append(wrong, fmt.Sprintf("column %q is new", f.Name))
		}
	}
	if wrong == nil {
		return nil
	}
	return diag.Errorf("Table of other columns", "%s. Give the table that the rules were learnt from, or fit the kernel again.", strings.Join(wrong, "; "))
}

// batch judges the rows of a batch and writes those that stay.
func (k *checker) batch(b arrow.RecordBatch, first int64, out *kernel.Writer, broken map[string]int64) error {
	wrong := map[int][]named{}
	for i := range k.columns {
		c := &k.columns[i]
		if at := b.Schema().FieldIndices(c.Name); c.Checks() || number.Is(b.Column(at[0]).DataType()) {
			judge(c, b.Column(at[0]), func(row int, breach *rules.Breach) {
				wrong[row] = append(wrong[row], named{c.Name, *breach})
				broken[breach.Rule]++
			})
		}
	}
	keep, origins, from := [][2]int64{}, make([]int64, 0, b.NumRows()), int64(0)
	for row := range b.NumRows() {
		if breaches := wrong[int(row)]; breaches != nil {
			k.setup.Reject(rejection(first+row, breaches))
			keep, from = append(keep, [2]int64{from, row}), row+1
			continue
		}
		origins = append(origins, first+row)
	}
	if len(origins) == 0 {
		return nil
	}
	if len(wrong) == 0 {
		return out.WriteFrom(b, origins)
	}
	kept, err := runs(b, append(keep, [2]int64{from, b.NumRows()}))
	if err != nil {
		return err
	}
	defer kept.Release()
	return out.WriteFrom(kept, origins)
}

// named is a breach and its column.
type named struct {
	column string
	rules.Breach
}

func rejection(row int64, all []named) kernel.Rejected {
	var details []string
	for _, b := range all {
		details = append(details, b.column+": "+b.Detail)
	}
	return kernel.Rejected{Row: row, Rule: all[0].Rule, Column: all[0].column, Detail: strings.Join(details, "; ")}
}

// judge tells every value of a column that breaks its rule.
func judge(c *rules.Column, a arrow.Array, tell func(row int, b *rules.Breach)) {
	var scratch []float64
	numbers := number.Is(a.DataType())
	values := number.Values(a, &scratch)
	text, _ := a.(*array.String)
	for i := range a.Len() {
		var b *rules.Breach
		switch {
		case a.IsNull(i):
			b = c.Missing()
		case numbers:
			b = c.Number(values[i])
		case text != nil:
			b = c.Text(text.Value(i))
		}
		if b != nil {
			tell(i, b)
		}
	}
}

// Save returns the rules.
func (k *checker) Save() ([]byte, error) {
	var r saved
	for _, c := range k.columns {
		r.add(c)
	}
	w := state.New(state.Header{Kernel: "data.validate", Plugin: version.Version, Version: checkerVersion, Input: state.Columns(k.setup.Schema), Seed: k.setup.Seed})
	w.Strings("names", r.names)
	w.Strings("types", r.types)
	w.Bools("nulls", r.nulls)
	w.Floats("min", r.min)
	w.Floats("max", r.max)
	w.Ints("categories", r.counts)
	w.Strings("texts", r.texts)
	return w.Bytes()
}

// saved are rules as arrays: counts has the number of categories of each
// column, -1 for a column without.
type saved struct {
	names, types, texts []string
	nulls               []bool
	min, max            []float64
	counts              []int64
}

func (r *saved) add(c rules.Column) {
	r.names, r.types, r.nulls = append(r.names, c.Name), append(r.types, c.Type), append(r.nulls, c.Nulls)
	r.min, r.max = append(r.min, c.Min), append(r.max, c.Max)
	if c.Categories == nil {
		r.counts = append(r.counts, -1)
		return
	}
	r.counts = append(r.counts, int64(len(c.Categories)))
	r.texts = append(r.texts, sortedKeys(c.Categories)...)
}

// Load reads the rules.
func (k *checker) Load(data []byte) error {
	s, err := state.Load(data, state.Want{Kernel: "data.validate", Version: checkerVersion})
	if err != nil {
		return err
	}
	in, r := s.Reader(), saved{}
	r.names = in.Strings("names", -1)
	n := len(r.names)
	r.types, r.nulls, r.min, r.max = in.Strings("types", n), in.Bools("nulls", n), in.Floats("min", n), in.Floats("max", n)
	r.counts, r.texts = in.Ints("categories", n), in.Strings("texts", -1)
	if err := in.End(); err != nil {
		return err
	}
	k.columns, err = r.columns()
	return err
}

func (r *saved) columns() ([]rules.Column, error) {
	var out []rules.Column
	rest := r.texts
	for i, name := range r.names {
		c := rules.Column{Name: name, Type: r.types[i], Nulls: r.nulls[i], Min: r.min[i], Max: r.max[i]}
		if n := r.counts[i]; n >= 0 {
			if n > int64(len(rest)) {
				return nil, fmt.Errorf("column %q has %d categories, and %d texts are left", name, n, len(rest))
			}
			c.Categories, rest = set(rest[:n]), rest[n:]
		}
		out = append(out, c)
	}
	return out, nil
}
