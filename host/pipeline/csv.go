// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// WriteCSV writes a table with a header. A null is an empty field, a float64
// the shortest text that reads back as the same value, NaN is NaN.
func WriteCSV(ctx context.Context, w io.Writer, t Table) error {
	out := csv.NewWriter(w)
	schema := t.Schema()
	if schema == nil {
		return nil
	}
	record := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		record[i] = f.Name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for batch, err := range t.Batches(ctx) {
		if err != nil {
			return err
		}
		if err := writeBatch(out, batch, record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeBatch(out *csv.Writer, batch arrow.RecordBatch, record []string) error {
	cells := make([]func(int) string, batch.NumCols())
	for i, column := range batch.Columns() {
		cell, err := cellText(column)
		if err != nil {
			return fmt.Errorf("column %q: %w", batch.ColumnName(i), err)
		}
		cells[i] = cell
	}
	for row := range int(batch.NumRows()) {
		for i, column := range batch.Columns() {
			record[i] = ""
			if column.IsValid(row) {
				record[i] = cells[i](row)
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	return nil
}

// cellText returns the function that writes a valid value of a column.
func cellText(column arrow.Array) (func(int) string, error) {
	switch c := column.(type) {
	case *array.Int64:
		return func(i int) string { return strconv.FormatInt(c.Value(i), 10) }, nil
	case *array.Float64:
		return func(i int) string { return strconv.FormatFloat(c.Value(i), 'g', -1, 64) }, nil
	case *array.Boolean:
		return func(i int) string { return strconv.FormatBool(c.Value(i)) }, nil
	case *array.String:
		return c.Value, nil
	}
	return nil, fmt.Errorf("type %s has no CSV form", column.DataType())
}
