// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/number"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// numericFeatures are the indices of the features that hold numbers.
func numericFeatures(s *arrow.Schema) []int {
	return slices.DeleteFunc(table.Features(s), func(i int) bool { return !number.Is(s.Field(i).Type) })
}

func isNumber(t arrow.DataType) bool { return number.Is(t) }

// fitted finds the columns of a fit by name; each must still be of a kind.
func fitted(s *arrow.Schema, names []string, kind func(arrow.DataType) bool) ([]int, error) {
	out := make([]int, 0, len(names))
	for _, name := range names {
		at := s.FieldIndices(name)
		if len(at) == 0 {
			return nil, diag.Errorf("Missing column", "Column %q was fitted and is not in the input. Give the column, or fit the kernel again.", name)
		}
		if t := s.Field(at[0]).Type; !kind(t) {
			return nil, diag.Errorf("Column of another type", "Column %q was fitted and is now %s. Give it as it was, or fit the kernel again.", name, t)
		}
		out = append(out, at[0])
	}
	return out, nil
}

// asFloats is a schema whose columns at some indices became float64.
func asFloats(s *arrow.Schema, at []int) *arrow.Schema {
	fields := slices.Clone(s.Fields())
	for _, i := range at {
		fields[i].Type = arrow.PrimitiveTypes.Float64
	}
	meta := s.Metadata()
	return arrow.NewSchema(fields, &meta)
}

// writeColumns writes a batch and gives back the columns that were made for it.
func writeColumns(ctx context.Context, out *kernel.Writer, schema *arrow.Schema, columns []arrow.Array, made []int, rows int64) error {
	batch := array.NewRecordBatch(schema, columns, rows)
	for _, c := range made {
		columns[c].Release()
	}
	err := out.Write(batch)
	batch.Release()
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// sortedKeys of a set, in the order of their bytes.
func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
