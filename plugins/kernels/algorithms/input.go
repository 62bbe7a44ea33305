// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// checkSchema finds what no model here can learn from: text features, no
// features, no target.
func checkSchema(s *arrow.Schema) error {
	var errs []error
	features := table.Features(s)
	if len(features) == 0 {
		errs = append(errs, diag.Errorf("No feature columns", "The input has %d columns and none of them is a feature. Give the source a table with columns besides the target.", s.NumFields()))
	}
	if table.TargetIndex(s) < 0 {
		errs = append(errs, diag.Errorf("No target", "No column of the input is the target. Name one with target in the source block."))
	}
	var text, strange []string
	for _, i := range features {
		switch f := s.Field(i); {
		case f.Type.ID() == arrow.STRING || f.Type.ID() == arrow.DICTIONARY:
			text = append(text, f.Name)
		case !arrow.IsInteger(f.Type.ID()) && !arrow.IsFloating(f.Type.ID()) && f.Type.ID() != arrow.BOOL:
			strange = append(strange, fmt.Sprintf("%s (%s)", f.Name, f.Type))
		}
	}
	if len(strange) > 0 {
		errs = append(errs, diag.Errorf("Columns that are no numbers", "These models need numbers, and not %s. Leave the columns out at the source, or read them as another type.", list(strange)))
	}
	if len(text) > 0 {
		errs = append(errs, diag.Errorf("Text columns", "These models need numbers, and %d columns hold text: %s. Put a data.prepare kernel before this one; it turns text into indicator columns (one_hot).", len(text), list(text)))
	}
	return errors.Join(errs...)
}

// featureMatrix joins columns of batches into a matrix. Missing and infinite
// cells are an error that names each column with its count.
func featureMatrix(s *arrow.Schema, batches []arrow.RecordBatch, index []int) (dense.Matrix, error) {
	rows := 0
	for _, b := range batches {
		rows += int(b.NumRows())
	}
	m := dense.New(rows, len(index))
	var holes []string
	for j, i := range index {
		bad, at := 0, 0
		for _, b := range batches {
			bad += fillColumn(m, at, j, b.Column(i))
			at += int(b.NumRows())
		}
		if bad > 0 {
			holes = append(holes, fmt.Sprintf("%s (%d of %d rows)", s.Field(i).Name, bad, rows))
		}
	}
	if len(holes) > 0 {
		return m, diag.Errorf("Missing values", "These models need every cell, and %d columns hold missing or infinite values: %s. Put a data.prepare kernel before this one; it fills them.", len(holes), list(holes))
	}
	return m, nil
}

// fillColumn writes an array into column j from row at on, and counts the cells
// that are missing or not finite.
func fillColumn(m dense.Matrix, at, j int, a arrow.Array) (bad int) {
	for i := range a.Len() {
		v, ok := number(a, i)
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			bad++
		}
		m.Data[(at+i)*m.Cols+j] = v
	}
	return bad
}

func number(a arrow.Array, i int) (float64, bool) {
	if a.IsNull(i) {
		return 0, false
	}
	switch v := a.(type) {
	case *array.Float64:
		return v.Value(i), true
	case *array.Int64:
		return float64(v.Value(i)), true
	case *array.Float32:
		return float64(v.Value(i)), true
	case *array.Int32:
		return float64(v.Value(i)), true
	case *array.Int16:
		return float64(v.Value(i)), true
	case *array.Int8:
		return float64(v.Value(i)), true
	case *array.Uint64:
		return float64(v.Value(i)), true
	case *array.Uint32:
		return float64(v.Value(i)), true
	case *array.Uint16:
		return float64(v.Value(i)), true
	case *array.Uint8:
		return float64(v.Value(i)), true
	case *array.Boolean:
		if v.Value(i) {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// targetColumn joins the target column of batches. Missing or infinite targets
// are an error.
func targetColumn(s *arrow.Schema, batches []arrow.RecordBatch, index int) (task.Column, error) {
	c := task.Column{Name: s.Field(index).Name}
	missing, rows := 0, 0
	for _, b := range batches {
		rows += int(b.NumRows())
		missing += appendTarget(&c, b.Column(index))
	}
	if missing > 0 {
		return c, diag.Errorf("Missing targets", "%d of %d rows miss a usable value in the target %q. Put a data.prepare kernel before this one; it drops and counts such rows.", missing, rows, c.Name)
	}
	return c, nil
}

func appendTarget(c *task.Column, a arrow.Array) (missing int) {
	for i := range a.Len() {
		if a.IsNull(i) {
			missing++
			continue
		}
		switch v := a.(type) {
		case *array.String:
			c.Labels = append(c.Labels, v.Value(i))
		case *array.Boolean:
			c.Labels = append(c.Labels, strconv.FormatBool(v.Value(i)))
		default:
			x, _ := number(a, i)
			if math.IsNaN(x) || math.IsInf(x, 0) {
				missing++
			}
			c.Numbers = append(c.Numbers, x)
		}
	}
	return missing
}

// list joins names, the first ten of many.
func list(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
