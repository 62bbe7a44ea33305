// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// selectorOptions are the settings of data.select.
type selectorOptions struct {
	Keep []string `json:"keep" default:"[]" doc:"Columns to keep, in the order of the table; empty keeps all but those of drop."`
	Drop []string `json:"drop" default:"[]" doc:"Columns to leave out."`
}

func selectKernel() kernel.Kernel {
	return kernel.Kernel{
		Name: "select", Summary: "Keep some columns and leave out the others.",
		Compartment: kernel.Data, Config: selectorOptions{}, Transforms: true, RowWise: true,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			k := &selector{setup: s}
			return k, s.Config(&k.opt)
		},
	}
}

// selector is one call of data.select. What it keeps passes through as it is.
type selector struct {
	setup *kernel.Setup
	opt   selectorOptions
}

// Validate checks that the columns are there and that one is left.
func (k *selector) Validate() error {
	var errs []error
	for path, names := range map[string][]string{"keep": k.opt.Keep, "drop": k.opt.Drop} {
		for _, name := range names {
			if !k.setup.Schema.HasField(name) {
				errs = append(errs, diag.Errorf("Missing column", "The input has no column %q.", name).At(path))
			}
		}
	}
	if len(k.opt.Keep) > 0 && len(k.opt.Drop) > 0 {
		errs = append(errs, diag.Errorf("Two lists of columns", "Give the columns to keep or those to drop, and not both.").At("drop"))
	}
	if len(errs) == 0 && len(k.kept(k.setup.Schema)) == 0 {
		errs = append(errs, diag.Errorf("No column is left", "All %d columns are left out.", k.setup.Schema.NumFields()).At("drop"))
	}
	return errors.Join(errs...)
}

// kept are the indices of the columns that stay.
func (k *selector) kept(s *arrow.Schema) []int {
	var out []int
	for i, f := range s.Fields() {
		if slices.Contains(k.opt.Drop, f.Name) || len(k.opt.Keep) > 0 && !slices.Contains(k.opt.Keep, f.Name) {
			continue
		}
		out = append(out, i)
	}
	return out
}

// OutputSchema is that of the columns that stay.
func (k *selector) OutputSchema() (*arrow.Schema, error) {
	return k.schema(k.setup.Schema, k.kept(k.setup.Schema)), nil
}

func (k *selector) schema(in *arrow.Schema, at []int) *arrow.Schema {
	fields := make([]arrow.Field, len(at))
	for i, c := range at {
		fields[i] = in.Field(c)
	}
	meta := in.Metadata()
	return arrow.NewSchema(fields, &meta)
}

// Transform passes the columns on.
func (k *selector) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	at := k.kept(in.Schema())
	schema := k.schema(in.Schema(), at)
	err := in.Each(func(b arrow.RecordBatch) error {
		columns := make([]arrow.Array, len(at))
		for i, c := range at {
			columns[i] = b.Column(c)
		}
		batch := array.NewRecordBatch(schema, columns, b.NumRows())
		defer batch.Release()
		if err := out.Write(batch); err != nil {
			return err
		}
		return ctx.Err()
	})
	return kernel.Report{"columns": len(at)}, err
}
