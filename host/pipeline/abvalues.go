// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
)

// kindOf says how a column is compared.
func kindOf(t arrow.DataType) abtest.Kind {
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64, arrow.FLOAT32, arrow.FLOAT64:
		return abtest.Numeric
	case arrow.BOOL, arrow.STRING, arrow.DICTIONARY:
		return abtest.Category
	}
	return abtest.Other
}

// reading gives the values of a column, row by row.
func reading(column arrow.Array) func(int) abtest.Value {
	value := valueReading(column)
	return func(i int) abtest.Value {
		if column.IsNull(i) {
			return abtest.Value{Null: true}
		}
		return value(i)
	}
}

func valueReading(column arrow.Array) func(int) abtest.Value {
	switch c := column.(type) {
	case *array.Float32:
		return func(i int) abtest.Value { return abtest.Value{Number: float64(c.Value(i)), Numeric: true} }
	case *array.Float64:
		return func(i int) abtest.Value { return abtest.Value{Number: c.Value(i), Numeric: true} }
	case *array.Uint64:
		return func(i int) abtest.Value {
			return abtest.Value{Number: float64(c.Value(i)), Numeric: true, Text: beyond(c.Value(i) > 1<<53, column, i)}
		}
	case *array.Boolean:
		return func(i int) abtest.Value {
			v := abtest.Value{Text: strconv.FormatBool(c.Value(i))}
			if c.Value(i) {
				v.Number = 1
			}
			return v
		}
	case *array.String:
		return func(i int) abtest.Value { return abtest.Value{Text: c.Value(i)} }
	case *array.Dictionary:
		if texts, ok := c.Dictionary().(*array.String); ok {
			return func(i int) abtest.Value { return abtest.Value{Text: texts.Value(c.GetValueIndex(i))} }
		}
	}
	if get := integerOf(column); get != nil {
		return func(i int) abtest.Value {
			x := get(i)
			return abtest.Value{Number: float64(x), Numeric: true, Text: beyond(x > 1<<53 || x < -1<<53, column, i)}
		}
	}
	return func(i int) abtest.Value { return abtest.Value{Text: column.ValueStr(i)} }
}

// beyond is the text of an integer that a double does not hold exactly.
func beyond(is bool, column arrow.Array, i int) string {
	if !is {
		return ""
	}
	return column.ValueStr(i)
}

// rowReader gives the values of some columns of a batch.
type rowReader struct {
	columns []func(int) abtest.Value
	// label and prediction are nil without metrics.
	label, prediction func(int) abtest.Value
}

func (c *comparison) reader(batch arrow.RecordBatch) rowReader {
	var r rowReader
	find := func(name string) func(int) abtest.Value {
		return reading(batch.Column(batch.Schema().FieldIndices(name)[0]))
	}
	for _, spec := range c.design.Columns {
		r.columns = append(r.columns, find(spec.Name))
	}
	if len(c.design.Metrics) > 0 {
		r.label, r.prediction = find(c.node.AB.Label), find(c.node.AB.Prediction)
	}
	return r
}

// values of one row, into a list that is used again.
func (r rowReader) values(at int64, into []abtest.Value) []abtest.Value {
	into = into[:0]
	for _, value := range r.columns {
		into = append(into, value(int(at)))
	}
	return into
}
