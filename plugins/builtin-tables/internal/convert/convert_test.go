// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

func of(t testing.TB, typ arrow.DataType, values string) arrow.RecordBatch {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: typ, Nullable: true}}, nil)
	a, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(values))
	if err != nil {
		t.Fatal(err)
	}
	return array.NewRecordBatch(schema, []arrow.Array{a}, int64(a.Len()))
}

func dictOf(keys, values arrow.DataType) arrow.DataType {
	return &arrow.DictionaryType{IndexType: keys, ValueType: values}
}

func TestConvert(t *testing.T) {
	for name, c := range map[string]struct {
		typ          arrow.DataType
		values       string
		want, result string
	}{
		"text":             {arrow.BinaryTypes.String, `["a",null]`, "utf8", `["a" (null)]`},
		"large text":       {arrow.BinaryTypes.LargeString, `["a",null,""]`, "utf8", `["a" (null) ""]`},
		"text views":       {arrow.BinaryTypes.StringView, `["a",null,"a text longer than a view holds"]`, "utf8", `["a" (null) "a text longer than a view holds"]`},
		"large binary":     {arrow.BinaryTypes.LargeBinary, `["AP8=",null]`, "binary", `["\x00\xff" (null)]`},
		"fixed binary":     {&arrow.FixedSizeBinaryType{ByteWidth: 2}, `["AP8=",null]`, "binary", `["\x00\xff" (null)]`},
		"float16":          {arrow.FixedWidthTypes.Float16, `[1.5,null]`, "float32", `[1.5 (null)]`},
		"date64":           {arrow.FixedWidthTypes.Date64, `["2026-11-22",null,"1969-12-31"]`, "date32", `[2026-11-22 (null) 1969-12-31]`},
		"null":             {arrow.Null, `[null,null]`, "float64", `[(null) (null)]`},
		"list":             {arrow.ListOf(arrow.BinaryTypes.LargeString), `[["a",null],null,[]]`, "list<item: utf8, nullable>", `[["a" (null)] (null) []]`},
		"large list":       {arrow.LargeListOf(arrow.PrimitiveTypes.Int32), `[[1,2],null,[3]]`, "list<item: int32, nullable>", `[[1 2] (null) [3]]`},
		"fixed list":       {arrow.FixedSizeListOf(2, arrow.FixedWidthTypes.Float16), `[[1,2],null]`, "fixed_size_list<item: float32, nullable>[2]", `[[1 2] (null)]`},
		"small keys":       {dictOf(arrow.PrimitiveTypes.Int8, arrow.BinaryTypes.String), `["a",null,"b","a"]`, "dictionary<values=utf8, indices=int32, ordered=false>", ``},
		"unsigned keys":    {dictOf(arrow.PrimitiveTypes.Uint16, arrow.BinaryTypes.String), `["a",null,"b","a"]`, "dictionary<values=utf8, indices=int32, ordered=false>", ``},
		"timestamp stays":  {&arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}, `["2026-11-22 00:00:00Z"]`, "timestamp[s, tz=UTC]", ``},
		"sliced, in parts": {arrow.BinaryTypes.LargeString, `["q","a",null,""]`, "utf8", `["a" (null) ""]`},
	} {
		t.Run(name, func(t *testing.T) {
			in := of(t, c.typ, c.values)
			if strings.HasPrefix(name, "sliced") {
				in = in.NewSlice(1, in.NumRows())
			}
			columns, err := New(in.Schema())
			if err != nil {
				t.Fatal(err)
			}
			out, err := columns.Convert(in, 0)
			if err != nil {
				t.Fatal(err)
			}
			p, err := table.Encode(out)
			if err != nil {
				t.Fatal(err)
			}
			back, err := table.Decode(p)
			if err != nil {
				t.Fatalf("the host refuses it: %v", err)
			}
			if got := back.Column(0).DataType().String(); got != c.want {
				t.Errorf("type %s, want %s", got, c.want)
			}
			if got := fmt.Sprint(back.Column(0)); c.result != "" && got != c.result {
				t.Errorf("values %s, want %s", got, c.result)
			}
			for i := range int(in.NumRows()) {
				if a, b := in.Column(0).ValueStr(i), back.Column(0).ValueStr(i); a != b && c.result == "" {
					t.Errorf("row %d: %s became %s", i, a, b)
				}
			}
		})
	}
}

func TestSlicedLists(t *testing.T) {
	for name, typ := range map[string]arrow.DataType{
		"list": arrow.ListOf(arrow.PrimitiveTypes.Int8), "large": arrow.LargeListOf(arrow.PrimitiveTypes.Int8), "fixed": arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8),
	} {
		in := of(t, typ, `[[1,2],[3,4],null,[5,6]]`).NewSlice(1, 4)
		columns, err := New(in.Schema())
		if err != nil {
			t.Fatal(err)
		}
		out, err := columns.Convert(in, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(out.Column(0)); got != "[[3 4] (null) [5 6]]" {
			t.Errorf("%s: %s", name, got)
		}
		if fixed, ok := in.Column(0).(*array.FixedSizeList); ok {
			loose, err := Loosen(fixed)
			if err != nil || fmt.Sprint(loose) != "[[3 4] (null) [5 6]]" {
				t.Errorf("loosened: %v, %v", loose, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for says, typ := range map[string]arrow.DataType{
		"convert it to UTC": &arrow.TimestampType{Unit: arrow.Second, TimeZone: "Nowhere/Here"},
		"to float64, or to": &arrow.Decimal128Type{Precision: 10, Scale: 2},
		"flatten it into":   arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int8}),
		"join it with its":  arrow.FixedWidthTypes.Time64us,
		"cast it to int64":  arrow.FixedWidthTypes.Duration_us,
		"of numbers, bools": arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int8)),
		"bools or text":     arrow.ListOf(arrow.FixedWidthTypes.Date32),
		"dictionaries of":   dictOf(arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int64),
		"flatten it":        arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8),
	} {
		_, err := New(arrow.NewSchema([]arrow.Field{{Name: "odd", Type: typ}}, nil))
		if err == nil || !strings.Contains(err.Error(), `"odd"`) || !strings.Contains(err.Error()+typ.String(), says) {
			t.Errorf("%s: error %v does not say %q", typ, err, says)
		}
	}
	if _, err := New(arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.Null}, {Name: "a", Type: arrow.Null}}, nil)); err == nil {
		t.Error("a name may stand twice")
	}
}

func TestRefusedValues(t *testing.T) {
	bad := array.NewStringBuilder(memory.DefaultAllocator)
	bad.AppendValues([]string{"ok", "\xff"}, nil)
	large := array.NewLargeStringBuilder(memory.DefaultAllocator)
	large.AppendValues([]string{"ok", "\xff"}, nil)
	day := array.NewDate64Builder(memory.DefaultAllocator)
	day.AppendValues([]arrow.Date64{0, 1}, nil)
	words := array.NewStringBuilder(memory.DefaultAllocator)
	words.AppendValues([]string{"a", ""}, []bool{true, false})
	keys := array.NewInt8Builder(memory.DefaultAllocator)
	keys.AppendValues([]int8{0, 1}, nil)
	for says, a := range map[string]arrow.Array{
		"row 1 of the batch is not UTF-8": bad.NewArray(), "is not UTF-8": large.NewArray(), "no whole day": day.NewArray(),
		"null among its values": array.NewDictionaryArray(dictOf(arrow.PrimitiveTypes.Int8, arrow.BinaryTypes.String), keys.NewArray(), words.NewArray()),
	} {
		schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: a.DataType()}}, nil)
		columns, err := New(schema)
		if err != nil {
			t.Fatal(err)
		}
		_, err = columns.Convert(array.NewRecordBatch(schema, []arrow.Array{a}, int64(a.Len())), 7)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "after row 7") {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
}
