// SPDX-License-Identifier: Apache-2.0

// Package convert turns columns of Arrow's types into columns of the types that
// tables have, where no value changes:
//
//	large_utf8, utf8_view                      utf8
//	large_binary, binary_view,
//	fixed_size_binary                          binary
//	float16                                    float32
//	date64                                     date32
//	null                                       float64, all null
//	dictionary of text with any keys           dictionary<int32, utf8>
//	large_list<T>                              list<T>
//
// Values of lists are converted by the same rules. Everything else (decimals,
// times of day, durations, intervals, structs, maps, unions, lists of lists,
// other dictionaries) is refused by the name of its column, with what to do. A
// date64 between two days, text that is not UTF-8, and a dictionary with a null
// in it are refused at their row.
package convert

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Columns converts batches of one schema.
type Columns struct {
	schema *arrow.Schema
	steps  []step
}

// step converts an array; it returns a reference of the caller's.
type step func(arrow.Array) (arrow.Array, error)

// New makes the conversion of a schema. Metadata is left out.
func New(schema *arrow.Schema) (*Columns, error) {
	c := &Columns{}
	fields := make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		t, s, err := plan(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q has type %s; %w", f.Name, f.Type, err)
		}
		fields[i] = arrow.Field{Name: f.Name, Type: t, Nullable: true}
		c.steps = append(c.steps, s)
	}
	c.schema = arrow.NewSchema(fields, nil)
	return c, table.CheckSchema(c.schema)
}

// Schema of what comes out.
func (c *Columns) Schema() *arrow.Schema { return c.schema }

// Convert turns a batch over. before is the number of rows that came before it,
// for messages.
func (c *Columns) Convert(batch arrow.RecordBatch, before int64) (arrow.RecordBatch, error) {
	if int(batch.NumCols()) != len(c.steps) {
		return nil, fmt.Errorf("a batch of %d columns in a file of %d", batch.NumCols(), len(c.steps))
	}
	arrays := make([]arrow.Array, 0, len(c.steps))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	for i, s := range c.steps {
		a, err := s(batch.Column(i))
		if err == nil && !arrow.TypeEqual(a.DataType(), c.schema.Field(i).Type) {
			err = fmt.Errorf("has type %s, and the file told %s", a.DataType(), c.schema.Field(i).Type)
			a.Release()
		}
		if err != nil {
			return nil, fmt.Errorf("column %q, after row %d: %w", c.schema.Field(i).Name, before, err)
		}
		arrays = append(arrays, a)
	}
	return array.NewRecordBatch(c.schema, arrays, batch.NumRows()), nil
}

func same(a arrow.Array) (arrow.Array, error) {
	a.Retain()
	return a, nil
}
