// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// wireTypes are the wire's names of Arrow's types.
var wireTypes = map[arrow.Type]pluginv1.TableColumn_Type{
	arrow.INT8:            pluginv1.TableColumn_TYPE_INT8,
	arrow.INT16:           pluginv1.TableColumn_TYPE_INT16,
	arrow.INT32:           pluginv1.TableColumn_TYPE_INT32,
	arrow.INT64:           pluginv1.TableColumn_TYPE_INT64,
	arrow.UINT8:           pluginv1.TableColumn_TYPE_UINT8,
	arrow.UINT16:          pluginv1.TableColumn_TYPE_UINT16,
	arrow.UINT32:          pluginv1.TableColumn_TYPE_UINT32,
	arrow.UINT64:          pluginv1.TableColumn_TYPE_UINT64,
	arrow.FLOAT32:         pluginv1.TableColumn_TYPE_FLOAT32,
	arrow.FLOAT64:         pluginv1.TableColumn_TYPE_FLOAT64,
	arrow.BOOL:            pluginv1.TableColumn_TYPE_BOOL,
	arrow.STRING:          pluginv1.TableColumn_TYPE_STRING,
	arrow.BINARY:          pluginv1.TableColumn_TYPE_BINARY,
	arrow.DATE32:          pluginv1.TableColumn_TYPE_DATE32,
	arrow.TIMESTAMP:       pluginv1.TableColumn_TYPE_TIMESTAMP,
	arrow.DICTIONARY:      pluginv1.TableColumn_TYPE_DICTIONARY,
	arrow.LIST:            pluginv1.TableColumn_TYPE_LIST,
	arrow.FIXED_SIZE_LIST: pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST,
}

// plainTypes are the Arrow types of the wire that have no parameters.
var plainTypes = map[pluginv1.TableColumn_Type]arrow.DataType{
	pluginv1.TableColumn_TYPE_INT8:       arrow.PrimitiveTypes.Int8,
	pluginv1.TableColumn_TYPE_INT16:      arrow.PrimitiveTypes.Int16,
	pluginv1.TableColumn_TYPE_INT32:      arrow.PrimitiveTypes.Int32,
	pluginv1.TableColumn_TYPE_INT64:      arrow.PrimitiveTypes.Int64,
	pluginv1.TableColumn_TYPE_UINT8:      arrow.PrimitiveTypes.Uint8,
	pluginv1.TableColumn_TYPE_UINT16:     arrow.PrimitiveTypes.Uint16,
	pluginv1.TableColumn_TYPE_UINT32:     arrow.PrimitiveTypes.Uint32,
	pluginv1.TableColumn_TYPE_UINT64:     arrow.PrimitiveTypes.Uint64,
	pluginv1.TableColumn_TYPE_FLOAT32:    arrow.PrimitiveTypes.Float32,
	pluginv1.TableColumn_TYPE_FLOAT64:    arrow.PrimitiveTypes.Float64,
	pluginv1.TableColumn_TYPE_BOOL:       arrow.FixedWidthTypes.Boolean,
	pluginv1.TableColumn_TYPE_STRING:     arrow.BinaryTypes.String,
	pluginv1.TableColumn_TYPE_BINARY:     arrow.BinaryTypes.Binary,
	pluginv1.TableColumn_TYPE_DATE32:     arrow.FixedWidthTypes.Date32,
	pluginv1.TableColumn_TYPE_DICTIONARY: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
}

// EncodeSchema writes a schema for the wire. One of more than MaxSchemaBytes is
// refused.
func EncodeSchema(schema *arrow.Schema) (*pluginv1.TableSchema, error) {
	if err := CheckSchema(schema); err != nil {
		return nil, err
	}
	out := &pluginv1.TableSchema{Metadata: metadata(schema.Metadata())}
	for _, f := range schema.Fields() {
		c := encodeType(f.Type)
		c.Name, c.Metadata = f.Name, metadata(f.Metadata)
		out.Columns = append(out.Columns, c)
	}
	return out, checkSchemaBytes(out)
}

// checkSchemaBytes refuses names and metadata of more bytes than travel, and names
// the column that has most of them.
func checkSchemaBytes(s *pluginv1.TableSchema) error {
	total := proto.Size(s)
	if total <= MaxSchemaBytes {
		return nil
	}
	widest, size := "", proto.Size(&pluginv1.TableSchema{Metadata: s.GetMetadata()})
	for _, c := range s.GetColumns() {
		if n := proto.Size(c); n > size {
			widest, size = "column "+quote(c.GetName()), n
		}
	}
	if widest == "" {
		widest = "the metadata of the table"
	}
	return fmt.Errorf("the names and metadata of %d columns have %d bytes, and at most %d travel; %s has %d of them: shorten what stands in its name or metadata, such as categories, or leave it out",
		len(s.GetColumns()), total, MaxSchemaBytes, widest, size)
}

// encodeType writes a type that nodeOf has accepted.
func encodeType(t arrow.DataType) *pluginv1.TableColumn {
	c := &pluginv1.TableColumn{Type: wireTypes[t.ID()]}
	switch t := t.(type) {
	case *arrow.TimestampType:
		c.Unit, c.Zone = pluginv1.TableColumn_Unit(t.Unit), t.TimeZone
	case *arrow.ListType:
		c.Child = encodeType(t.Elem())
	case *arrow.FixedSizeListType:
		c.Child, c.ListSize = encodeType(t.Elem()), t.Len()
	}
	return c
}

// DecodeSchema reads a schema from the wire. All its columns, and all values of
// its lists, are nullable.
func DecodeSchema(p *pluginv1.TableSchema) (*arrow.Schema, error) {
	if n := len(p.GetColumns()); n > MaxColumns {
		return nil, fmt.Errorf("a table of %d columns; at most %d travel", n, MaxColumns)
	}
	fields := make([]arrow.Field, 0, len(p.GetColumns()))
	for _, c := range p.GetColumns() {
		t, err := decodeType(c)
		if err != nil {
			return nil, fmt.Errorf("column %s %w", quote(c.GetName()), err)
		}
		if !utf8.ValidString(c.GetName()) {
			return nil, fmt.Errorf("column name %s is not UTF-8", quote(c.GetName()))
		}
		fields = append(fields, arrow.Field{Name: c.GetName(), Type: t, Nullable: true, Metadata: arrow.MetadataFrom(c.GetMetadata())})
	}
	meta := arrow.MetadataFrom(p.GetMetadata())
	schema := arrow.NewSchema(fields, &meta)
	if err := CheckSchema(schema); err != nil {
		return nil, err
	}
	return schema, nil
}

// decodeType reads the type of a column or, once more, of a list's values.
func decodeType(c *pluginv1.TableColumn) (arrow.DataType, error) {
	switch c.GetType() {
	case pluginv1.TableColumn_TYPE_TIMESTAMP:
		return &arrow.TimestampType{Unit: arrow.TimeUnit(c.GetUnit()), TimeZone: c.GetZone()}, nil
	case pluginv1.TableColumn_TYPE_LIST:
		item, err := decodeItem(c.GetChild())
		if err != nil {
			return nil, err
		}
		return arrow.ListOf(item), nil
	case pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST:
		item, err := decodeItem(c.GetChild())
		if err != nil {
			return nil, err
		}
		if n := c.GetListSize(); n < 1 || n > MaxListSize {
			return nil, fmt.Errorf("has lists of %d values; lists of 1 to %d travel", n, MaxListSize)
		}
		return arrow.FixedSizeListOf(c.GetListSize(), item), nil
	}
	return plainType(c)
}

func plainType(c *pluginv1.TableColumn) (arrow.DataType, error) {
	t, ok := plainTypes[c.GetType()]
	if !ok {
		return nil, fmt.Errorf("has type %s, which this version does not have", c.GetType())
	}
	return t, nil
}

func decodeItem(c *pluginv1.TableColumn) (arrow.DataType, error) {
	if c == nil {
		return nil, errors.New("is a list of nothing")
	}
	t, err := plainType(c)
	if err != nil {
		return nil, err
	}
	if _, ok := itemOf(t); !ok {
		return nil, fmt.Errorf("is a list of %v; lists of numbers, bool or utf8 travel", t)
	}
	return t, nil
}

func metadata(m arrow.Metadata) map[string]string {
	if m.Len() == 0 {
		return nil
	}
	return m.ToMap()
}
