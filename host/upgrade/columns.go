// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// SchemaOf is the schema that the columns in a state's header describe, as far as
// tables travel: the inverse of container.Columns.
func SchemaOf(columns []container.Column) (*arrow.Schema, error) {
	fields := make([]arrow.Field, 0, len(columns))
	for _, c := range columns {
		t, err := typeOf(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		f := arrow.Field{Name: c.Name, Type: t, Nullable: c.Nullable}
		if c.Role != table.RoleFeature {
			f = table.WithRole(f, c.Role)
		}
		fields = append(fields, f)
	}
	schema := arrow.NewSchema(fields, nil)
	return schema, table.CheckSchema(schema)
}

// plain are the types without parameters that tables have, by their spelling.
var plain = func() map[string]arrow.DataType {
	out := map[string]arrow.DataType{}
	for _, t := range []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Date32,
		arrow.BinaryTypes.String, arrow.BinaryTypes.Binary,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
		arrow.FixedWidthTypes.Timestamp_s, arrow.FixedWidthTypes.Timestamp_ms, arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Timestamp_ns,
	} {
		out[t.String()] = t
	}
	for _, unit := range timeUnits {
		t := &arrow.TimestampType{Unit: unit}
		out[t.String()] = t
	}
	return out
}()

var timeUnits = []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond}

// typeOf reads a type as Arrow spells it.
func typeOf(text string) (arrow.DataType, error) {
	if t, ok := plain[text]; ok {
		return t, nil
	}
	if item, ok := between(text, "list<item: ", ", nullable>"); ok {
		if t, ok := plain[item]; ok {
			return arrow.ListOf(t), nil
		}
	}
	if rest, ok := strings.CutPrefix(text, "fixed_size_list<item: "); ok {
		item, size, _ := strings.Cut(rest, ", nullable>[")
		n, err := strconv.ParseInt(strings.TrimSuffix(size, "]"), 10, 32)
		if t, ok := plain[item]; ok && err == nil && n > 0 {
			return arrow.FixedSizeListOf(int32(n), t), nil
		}
	}
	for _, unit := range timeUnits {
		if zone, ok := between(text, "timestamp["+unit.String()+", tz=", "]"); ok {
			return &arrow.TimestampType{Unit: unit, TimeZone: zone}, nil
		}
	}
	return nil, fmt.Errorf("tables here have no type %q", text)
}

// between is what stands between two texts.
func between(text, before, behind string) (string, bool) {
	rest, begins := strings.CutPrefix(text, before)
	inner, ends := strings.CutSuffix(rest, behind)
	return inner, begins && ends
}
