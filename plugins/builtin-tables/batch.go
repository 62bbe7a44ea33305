// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-tables/internal/convert"
)

// withSchema puts columns under another schema of the same types.
func withSchema(batch arrow.RecordBatch, schema *arrow.Schema) arrow.RecordBatch {
	return array.NewRecordBatch(schema, batch.Columns(), batch.NumRows())
}

// replaced is a schema without metadata that has a simpler type in the place of
// a kind of columns, which it names: text for dictionaries, and lists of any
// size for those of a fixed one.
func replaced(schema *arrow.Schema, kind arrow.Type) (out *arrow.Schema, names []string) {
	fields := make([]arrow.Field, schema.NumFields())
	names = []string{}
	for i, f := range schema.Fields() {
		fields[i] = arrow.Field{Name: f.Name, Type: f.Type, Nullable: true}
		if f.Type.ID() != kind {
			continue
		}
		names = append(names, f.Name)
		fields[i].Type = arrow.BinaryTypes.String
		if list, ok := f.Type.(*arrow.FixedSizeListType); ok {
			fields[i].Type = arrow.ListOf(list.Elem())
		}
	}
	return arrow.NewSchema(fields, nil), names
}

// simplify turns a batch into one of a schema that replaced made.
func simplify(batch arrow.RecordBatch, schema *arrow.Schema) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, batch.NumCols())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, c := range batch.Columns() {
		to, err := simpler(c, schema.Field(i).Type)
		if err != nil {
			return nil, err
		}
		columns = append(columns, to)
	}
	return array.NewRecordBatch(schema, columns, batch.NumRows()), nil
}

func simpler(c arrow.Array, to arrow.DataType) (arrow.Array, error) {
	switch c := c.(type) {
	case *array.Dictionary:
		if to.ID() == arrow.STRING {
			return convert.Decode(c)
		}
	case *array.FixedSizeList:
		if to.ID() == arrow.LIST {
			return convert.Loosen(c)
		}
	}
	c.Retain()
	return c, nil
}
