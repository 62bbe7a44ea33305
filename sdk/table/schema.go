// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// wireType returns the wire's type of an Arrow type; 0 for those that tables
// do not have.
func wireType(t arrow.DataType) pluginv1.TableColumn_Type {
	switch t.ID() {
	case arrow.INT64:
		return pluginv1.TableColumn_TYPE_INT64
	case arrow.FLOAT64:
		return pluginv1.TableColumn_TYPE_FLOAT64
	case arrow.BOOL:
		return pluginv1.TableColumn_TYPE_BOOL
	case arrow.STRING:
		return pluginv1.TableColumn_TYPE_STRING
	}
	return pluginv1.TableColumn_TYPE_UNSPECIFIED
}

// arrowType is the reverse of wireType; nil for types of a later version.
func arrowType(t pluginv1.TableColumn_Type) arrow.DataType {
	switch t {
	case pluginv1.TableColumn_TYPE_INT64:
		return arrow.PrimitiveTypes.Int64
	case pluginv1.TableColumn_TYPE_FLOAT64:
		return arrow.PrimitiveTypes.Float64
	case pluginv1.TableColumn_TYPE_BOOL:
		return arrow.FixedWidthTypes.Boolean
	case pluginv1.TableColumn_TYPE_STRING:
		return arrow.BinaryTypes.String
	}
	return nil
}

// EncodeSchema writes a schema for the wire.
func EncodeSchema(schema *arrow.Schema) (*pluginv1.TableSchema, error) {
	if err := CheckSchema(schema); err != nil {
		return nil, err
	}
	out := &pluginv1.TableSchema{Metadata: metadata(schema.Metadata())}
	for _, f := range schema.Fields() {
		out.Columns = append(out.Columns, &pluginv1.TableColumn{Name: f.Name, Type: wireType(f.Type), Metadata: metadata(f.Metadata)})
	}
	return out, nil
}

// DecodeSchema reads a schema from the wire.
func DecodeSchema(p *pluginv1.TableSchema) (*arrow.Schema, error) {
	fields := make([]arrow.Field, 0, len(p.GetColumns()))
	for _, c := range p.GetColumns() {
		t := arrowType(c.GetType())
		if t == nil {
			return nil, fmt.Errorf("column %q has type %s, which this version does not have", c.GetName(), c.GetType())
		}
		if !utf8.ValidString(c.GetName()) {
			return nil, fmt.Errorf("column name %q is not UTF-8", c.GetName())
		}
		fields = append(fields, arrow.Field{Name: c.GetName(), Type: t, Nullable: true, Metadata: arrow.MetadataFrom(c.GetMetadata())})
	}
	meta := arrow.MetadataFrom(p.GetMetadata())
	schema := arrow.NewSchema(fields, &meta)
	return schema, CheckSchema(schema)
}

func metadata(m arrow.Metadata) map[string]string {
	if m.Len() == 0 {
		return nil
	}
	return m.ToMap()
}
