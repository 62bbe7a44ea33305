// SPDX-License-Identifier: Apache-2.0

// Package given makes what a kernel is given: a table out of cells as they stand
// in Go, and settings laid over the defaults. Only tests import it.
package given

import (
	"encoding/json"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Column is a column of a table. Its cells are all float64, int, bool or string,
// or nil for a null; one without any value is a column of float64.
type Column struct {
	Name  string
	Role  string
	Cells []any
}

// Col is a column.
func Col(name, role string, cells ...any) Column {
	return Column{Name: name, Role: role, Cells: cells}
}

// Table is the table of some columns of one length, each nullable.
func Table(t testing.TB, columns ...Column) arrow.RecordBatch {
	t.Helper()
	return TableWith(t, nil, columns...)
}

// TableWith is Table with metadata in the schema.
func TableWith(t testing.TB, metadata map[string]string, columns ...Column) arrow.RecordBatch {
	t.Helper()
	var fields []arrow.Field
	var arrays []arrow.Array
	rows := 0
	for _, c := range columns {
		b := array.NewBuilder(memory.DefaultAllocator, c.dataType())
		for _, v := range c.Cells {
			appendCell(t, b, v)
		}
		f := arrow.Field{Name: c.Name, Type: b.Type(), Nullable: true}
		if c.Role != "" {
			f = table.WithRole(f, c.Role)
		}
		fields, arrays, rows = append(fields, f), append(arrays, b.NewArray()), len(c.Cells)
	}
	md := arrow.MetadataFrom(metadata)
	return array.NewRecordBatch(arrow.NewSchema(fields, &md), arrays, int64(rows))
}

func (c Column) dataType() arrow.DataType {
	for _, v := range c.Cells {
		switch v.(type) {
		case int:
			return arrow.PrimitiveTypes.Int64
		case bool:
			return arrow.FixedWidthTypes.Boolean
		case string:
			return arrow.BinaryTypes.String
		}
	}
	return arrow.PrimitiveTypes.Float64
}

func appendCell(t testing.TB, b array.Builder, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		b.AppendNull()
	case float64:
		b.(*array.Float64Builder).Append(v)
	case int:
		b.(*array.Int64Builder).Append(int64(v))
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case string:
		b.(*array.StringBuilder).Append(v)
	default:
		t.Fatalf("cell %v", v)
	}
}

// Settings are those that a host sends to a kernel whose config block is the JSON
// object config; "" is an empty block.
func Settings(t testing.TB, k kernel.Kernel, config string) []byte {
	t.Helper()
	merged := map[string]any{}
	for _, text := range []string{string(schema.Defaults(k.Config)), config} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &merged); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
