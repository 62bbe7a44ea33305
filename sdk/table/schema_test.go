// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestSchemasComeBack(t *testing.T) {
	types := append(allTypes(), &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "-11:30"})
	fields := schemaOf(types...).Fields()
	fields[3] = WithRole(fields[3], RoleWeight)
	fields[4].Metadata = arrow.MetadataFrom(map[string]string{"k": "", "ü": "v"})
	meta := arrow.MetadataFrom(map[string]string{"of": "the table"})
	want := arrow.NewSchema(fields, &meta)
	p, err := EncodeSchema(want)
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var read pluginv1.TableSchema
	if err := proto.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeSchema(&read)
	if err != nil || !got.Equal(want) || got.String() != want.String() {
		t.Errorf("it comes back as %v, %v", got, err)
	}
}

func TestSchemaRefusesByName(t *testing.T) {
	list := func(of arrow.DataType) arrow.DataType { return arrow.ListOf(of) }
	for want, typ := range map[string]arrow.DataType{
		"large_utf8":                 arrow.BinaryTypes.LargeString,
		"large_binary":               arrow.BinaryTypes.LargeBinary,
		"string_view":                arrow.BinaryTypes.StringView,
		"float16":                    arrow.FixedWidthTypes.Float16,
		"date64":                     arrow.FixedWidthTypes.Date64,
		"time32":                     arrow.FixedWidthTypes.Time32s,
		"duration":                   arrow.FixedWidthTypes.Duration_s,
		"decimal":                    &arrow.Decimal128Type{Precision: 10, Scale: 2},
		"fixed_size_binary":          &arrow.FixedSizeBinaryType{ByteWidth: 4},
		"null":                       arrow.Null,
		"struct":                     arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int8}),
		"map":                        arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8),
		"large_list":                 arrow.LargeListOf(arrow.PrimitiveTypes.Int8),
		"list<item: list<item: int8": list(list(arrow.PrimitiveTypes.Int8)),
		"list<item: binary":          list(arrow.BinaryTypes.Binary),
		"list<item: date32":          list(arrow.FixedWidthTypes.Date32),
		"list<item: dictionary":      list(dictionaryType),
		"list<item: timestamp":       list(arrow.FixedWidthTypes.Timestamp_s),
		"1 to 65536 values":          arrow.FixedSizeListOf(MaxListSize+1, arrow.PrimitiveTypes.Int8),
		"indices=int8":               &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String},
		"values=int64":               &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int64},
		`zone "Mars/Olympus"`:        &arrow.TimestampType{TimeZone: "Mars/Olympus"},
		`zone "Local"`:               &arrow.TimestampType{TimeZone: "Local"},
		`zone "../../etc/passwd"`:    &arrow.TimestampType{TimeZone: "../../etc/passwd"},
		`"zzzzzzzzz`:                 &arrow.TimestampType{TimeZone: strings.Repeat("z", 1<<20)},
		"unit 7":                     &arrow.TimestampType{Unit: 7},
	} {
		schema := arrow.NewSchema([]arrow.Field{{Name: "price", Type: typ}}, nil)
		_, encodeErr := EncodeSchema(schema)
		_, layoutErr := NewLayout(schema)
		for _, err := range []error{CheckSchema(schema), encodeErr, layoutErr} {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `column "price"`) || len(err.Error()) > 1000 {
				t.Errorf("%s: error %v", want, err)
			}
		}
	}
}

func TestDecodeSchemaRefuses(t *testing.T) {
	number := &pluginv1.TableColumn{Type: pluginv1.TableColumn_TYPE_INT8}
	for name, c := range map[string]*pluginv1.TableColumn{
		"nothing":             {},
		"a later type":        {Type: 99},
		"a list of nothing":   {Type: pluginv1.TableColumn_TYPE_LIST},
		"a list of lists":     {Type: pluginv1.TableColumn_TYPE_LIST, Child: &pluginv1.TableColumn{Type: pluginv1.TableColumn_TYPE_LIST, Child: number}},
		"a list of binary":    {Type: pluginv1.TableColumn_TYPE_LIST, Child: &pluginv1.TableColumn{Type: pluginv1.TableColumn_TYPE_BINARY}},
		"a list of keys":      {Type: pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST, ListSize: 1, Child: &pluginv1.TableColumn{Type: pluginv1.TableColumn_TYPE_DICTIONARY}},
		"size 0":              {Type: pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST, Child: number},
		"a negative size":     {Type: pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST, ListSize: -1, Child: number},
		"a large size":        {Type: pluginv1.TableColumn_TYPE_FIXED_SIZE_LIST, ListSize: MaxListSize + 1, Child: number},
		"a unit":              {Type: pluginv1.TableColumn_TYPE_TIMESTAMP, Unit: 4},
		"a negative unit":     {Type: pluginv1.TableColumn_TYPE_TIMESTAMP, Unit: -1},
		"a zone":              {Type: pluginv1.TableColumn_TYPE_TIMESTAMP, Zone: "x\x00y"},
		"a name":              {Type: pluginv1.TableColumn_TYPE_INT8, Name: "\xff"},
		"a name that is long": {Type: 98, Name: strings.Repeat("n", 1<<20)},
	} {
		_, err := DecodeSchema(&pluginv1.TableSchema{Columns: []*pluginv1.TableColumn{c}})
		if err == nil || len(err.Error()) > 1000 {
			t.Errorf("%s: error %.2000v", name, err)
		}
	}
	many := &pluginv1.TableSchema{Columns: make([]*pluginv1.TableColumn, MaxColumns+1)}
	if _, err := DecodeSchema(many); err == nil || !strings.Contains(err.Error(), "65537 columns") {
		t.Errorf("many columns: error %v", err)
	}
}

// TestDecodeAs: a batch without schema takes the one that was told, and one that
// contradicts it is refused.
func TestDecodeAs(t *testing.T) {
	batch := sample(t, 10)
	wire, err := EncodeRows(batch)
	if err != nil || wire.Schema != nil {
		t.Fatalf("schema %v, error %v", wire.GetSchema(), err)
	}
	got, err := DecodeAs(batch.Schema(), wire)
	holds(t, "told", batch, got, err)
	if got.Schema() != batch.Schema() {
		t.Error("it has another schema")
	}
	if wire, err = Encode(batch); err != nil {
		t.Fatal(err)
	}
	got, err = DecodeAs(batch.Schema(), wire)
	holds(t, "told and brought", batch, got, err)
	wire.Schema.Columns[0].Name = "x"
	if _, err = DecodeAs(batch.Schema(), wire); err == nil || !strings.Contains(err.Error(), "told") {
		t.Errorf("another schema: error %v", err)
	}
	if _, err = DecodeAs(batch.Schema(), nil); err == nil {
		t.Error("no batch decodes")
	}
	if _, err = DecodeAs(schemaOf(arrow.Null), &pluginv1.Batch{Columns: []*pluginv1.ColumnBuffers{{}}}); err == nil {
		t.Error("a schema that was not checked decodes")
	}
}

// TestDecodeRefusesLists is TestDecodeRefuses for types with children.
func TestDecodeRefusesLists(t *testing.T) {
	m := newMaker(12)
	schema := schemaOf(arrow.ListOf(arrow.BinaryTypes.String), arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int16), dictionaryType, arrow.PrimitiveTypes.Int8)
	batch := m.batch(schema, 20)
	for batch.Column(2).NullN() == 20 {
		batch = m.batch(schema, 20)
	}
	for name, spoil := range map[string]func(c []*pluginv1.ColumnBuffers){
		"no child":            func(c []*pluginv1.ColumnBuffers) { c[0].Child = nil },
		"a child too many":    func(c []*pluginv1.ColumnBuffers) { c[3].Child = c[0].Child },
		"rows of no child":    func(c []*pluginv1.ColumnBuffers) { c[3].ChildRows = 1 },
		"a grandchild":        func(c []*pluginv1.ColumnBuffers) { c[0].Child.Child = c[1].Child },
		"negative child rows": func(c []*pluginv1.ColumnBuffers) { c[0].ChildRows = -1 },
		"many child rows":     func(c []*pluginv1.ColumnBuffers) { c[0].ChildRows = 1 << 40 },
		"more child rows":     func(c []*pluginv1.ColumnBuffers) { c[1].ChildRows++ },
		"values of a list":    func(c []*pluginv1.ColumnBuffers) { c[0].Values = []byte{1} },
		"offsets of an array": func(c []*pluginv1.ColumnBuffers) { c[1].Offsets = c[0].Offsets },
		"a key outside":       func(c []*pluginv1.ColumnBuffers) { c[2].Values[4*validRow(batch.Column(2))+3] = 0x7f },
		"no dictionary":       func(c []*pluginv1.ColumnBuffers) { c[2].Child, c[2].ChildRows = nil, 0 },
	} {
		wire, err := Encode(batch)
		if err != nil {
			t.Fatal(err)
		}
		wire = proto.CloneOf(wire)
		spoil(wire.Columns)
		if got, err := Decode(wire); err == nil {
			t.Errorf("%s: it decodes as %v", name, got)
		}
	}
}

// TestZoneCacheIsBounded: strangers name zones.
func TestZoneCacheIsBounded(t *testing.T) {
	c := zoneCache{names: map[string]bool{}}
	for i := range maxZones + 100 {
		if !c.known(fmt.Sprintf("+%02d:%02d", i/60%24, i%60)) {
			t.Fatalf("offset %d is not known", i)
		}
		c.names[fmt.Sprint(i)] = true
	}
	before := len(c.names)
	if c.known("-01:01"); len(c.names) != before {
		t.Errorf("%d names are kept", len(c.names))
	}
}
