// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Table is a table in a fixture.
type Table struct {
	Columns []Column `json:"columns"`
}

// Column is one column of a fixture's table.
type Column struct {
	Name string `json:"name"`
	// Type is int8 to int64, uint8 to uint64, float32, float64, bool, string,
	// binary, date32, timestamp[UNIT] or timestamp[UNIT, ZONE] with s, ms, us or ns,
	// dictionary, list[TYPE] or list[TYPE, SIZE] for a fixed size.
	Type string `json:"type"`
	// Role is target, id, weight or prediction; "" for a feature.
	Role string `json:"role,omitempty"`
	// Values are JSON: null, numbers, "NaN", "Inf" and "-Inf" for floats, text,
	// "2024-02-29" for dates, "2024-02-29T12:00:00Z" for timestamps, base64 for
	// binary, arrays for lists.
	Values []json.RawMessage `json:"values"`
}

// plainTypes are those of one word.
var plainTypes = map[string]arrow.DataType{
	"int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16, "int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16, "uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"float32": arrow.PrimitiveTypes.Float32, "float64": arrow.PrimitiveTypes.Float64, "bool": arrow.FixedWidthTypes.Boolean,
	"string": arrow.BinaryTypes.String, "binary": arrow.BinaryTypes.Binary, "date32": arrow.FixedWidthTypes.Date32,
	"dictionary": &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
}

var units = map[string]arrow.TimeUnit{"s": arrow.Second, "ms": arrow.Millisecond, "us": arrow.Microsecond, "ns": arrow.Nanosecond}

var nested = pattern.Lazy(`^(timestamp|list)\[([a-z0-9]+)(?:, *([A-Za-z0-9/_+:-]+))?\]$`)

// dataType reads the name of a type.
func dataType(name string) (arrow.DataType, error) {
	if t, ok := plainTypes[name]; ok {
		return t, nil
	}
	m := nested().FindStringSubmatch(name)
	if m == nil {
		return nil, fmt.Errorf("type %q is not one that tables have, such as float64, string or list[float32, 3]", name)
	}
	if m[1] == "timestamp" {
		unit, ok := units[m[2]]
		if !ok {
			return nil, fmt.Errorf("type %q: the unit of a timestamp is s, ms, us or ns", name)
		}
		return &arrow.TimestampType{Unit: unit, TimeZone: m[3]}, nil
	}
	item, ok := plainTypes[m[2]]
	size, err := strconv.ParseInt("0"+m[3], 10, 32)
	switch {
	case !ok || err != nil:
		return nil, fmt.Errorf("type %q: a list is list[TYPE] or list[TYPE, SIZE]", name)
	case m[3] == "":
		return arrow.ListOf(item), nil
	case size < 1:
		return nil, fmt.Errorf("type %q: a list has 1 value or more", name)
	}
	return arrow.FixedSizeListOf(int32(size), item), nil
}

// schema is that of the table.
func (t *Table) schema() (*arrow.Schema, error) {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		typ, err := dataType(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		fields[i] = arrow.Field{Name: c.Name, Type: typ, Nullable: true}
		if c.Role != "" {
			fields[i] = table.WithRole(fields[i], c.Role)
		}
	}
	schema := arrow.NewSchema(fields, nil)
	return schema, table.CheckSchema(schema)
}

// record is the table as one batch.
func (t *Table) record() (arrow.RecordBatch, error) {
	schema, err := t.schema()
	if err != nil {
		return nil, err
	}
	columns := make([]arrow.Array, len(t.Columns))
	for i, c := range t.Columns {
		if len(c.Values) != len(t.Columns[0].Values) {
			return nil, fmt.Errorf("column %q has %d values and the first one %d", c.Name, len(c.Values), len(t.Columns[0].Values))
		}
		if columns[i], err = c.array(schema.Field(i).Type); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	rows := 0
	if len(columns) > 0 {
		rows = columns[0].Len()
	}
	return array.NewRecordBatch(schema, columns, int64(rows)), nil
}

// array reads the values of a column.
func (c Column) array(t arrow.DataType) (out arrow.Array, err error) {
	defer func() {
		if r := recover(); r != nil { // builders panic on values that they cannot read
			err = fmt.Errorf("a value that is no %s: %v", c.Type, r)
		}
	}()
	text := [][]byte{}
	for i, v := range c.Values {
		if err := c.plausible(v); err != nil {
			return nil, fmt.Errorf("value %d, %.60s: %w", i, v, err)
		}
		text = append(text, v)
	}
	all := bytes.Join([][]byte{[]byte("["), bytes.Join(text, []byte(",")), []byte("]")}, nil)
	out, _, err = array.FromJSON(memory.DefaultAllocator, t, bytes.NewReader(all))
	if err != nil {
		return nil, fmt.Errorf("values that are no %s: %w", c.Type, err)
	}
	if out.Len() != len(c.Values) {
		return nil, fmt.Errorf("%d of %d values were read", out.Len(), len(c.Values))
	}
	return out, nil
}

// plausible refuses what builders would take for something else without a word:
// a number in quotes where no float is, a fraction where an integer is.
func (c Column) plausible(v json.RawMessage) error {
	v = bytes.TrimSpace(v)
	quoted := len(v) > 0 && v[0] == '"'
	switch {
	case string(v) == "null":
	case strings.HasPrefix(c.Type, "int") || strings.HasPrefix(c.Type, "uint"):
		if quoted || bytes.ContainsAny(v, ".eE") {
			return errors.New("an integer is written as digits")
		}
	case strings.HasPrefix(c.Type, "float"):
		if quoted && string(v) != `"NaN"` && string(v) != `"Inf"` && string(v) != `"-Inf"` {
			return errors.New(`a float is a number, "NaN", "Inf" or "-Inf"`)
		}
	case c.Type == "string" || c.Type == "dictionary":
		if !quoted {
			return errors.New("a text is in quotes")
		}
	}
	return nil
}
