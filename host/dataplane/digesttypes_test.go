// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// goldenTypes has the types that goldenTable has not, in the form that
// testdata/digest.py reads.
const goldenTypes = `{"columns": [
	{"name": "i8", "type": "int8", "values": [-128, null, 127, 0, 1]},
	{"name": "i16", "type": "int16", "values": [-32768, null, 32767, 0, 1]},
	{"name": "i32", "type": "int32", "values": [-2147483648, null, 2147483647, 0, 1]},
	{"name": "u8", "type": "uint8", "values": [255, null, 0, 1, 2]},
	{"name": "u16", "type": "uint16", "values": [65535, null, 0, 1, 2]},
	{"name": "u32", "type": "uint32", "values": [4294967295, null, 0, 1, 2]},
	{"name": "u64", "type": "uint64", "values": [18446744073709551615, null, 0, 1, 2]},
	{"name": "f32", "type": "float32", "values": [0.1, null, -0.0, 1e30, 2.5]},
	{"name": "bin", "type": "binary", "values": ["00ff", null, "", "c0c1", "7f"]},
	{"name": "day", "type": "date32", "values": [-719162, null, 0, 20779, 1]},
	{"name": "ns", "type": "timestamp", "unit": "ns", "zone": "UTC", "values": [1, null, -1, 1700000000000000000, 0]},
	{"name": "s", "type": "timestamp", "unit": "s", "values": [null, 5, 6, 7, 8]},
	{"name": "dict", "type": "dictionary", "metadata": {"bulkhead.role": "target"}, "values": ["red", null, "", "grün", "red"]},
	{"name": "ints", "type": "list", "child": {"type": "int16"}, "values": [[1, null, 3], null, [], [4], [null, null]]},
	{"name": "texts", "type": "list", "child": {"type": "string"}, "values": [["a", null], ["bc"], null, [], ["", "d"]]},
	{"name": "flags", "type": "list", "child": {"type": "bool"}, "values": [null, [true], [false, null, true], [], [true]]},
	{"name": "point", "type": "fixed_size_list", "size": 2, "child": {"type": "float32"}, "values": [[1, 2], null, [null, 4], [5, 6], [7, 8]]},
	{"name": "pair", "type": "fixed_size_list", "size": 2, "child": {"type": "string"}, "values": [["a", "b"], ["c", null], null, null, ["", "d"]]}]}`

// goldenTypesDigest was printed by testdata/digest.py. It never changes.
const goldenTypesDigest = "sha256:7935b4cc063c54f8533e99a56fa11fce57d10a81369769ece5783199084fee9a"

func TestDigestOfTheOtherTypes(t *testing.T) {
	golden := fromJSON(t, goldenTypes)
	for rows := range int64(5) {
		if got := digestOf(t, golden, rows+1); got != goldenTypesDigest {
			t.Errorf("in batches of %d rows the digest is %s, want %s", rows+1, got, goldenTypesDigest)
		}
	}
}

func TestDigestTellsOtherTypesApart(t *testing.T) {
	seen := map[string]string{goldenTypesDigest: "the table itself"}
	for name, change := range map[string][2]string{
		"a small number":            {"[-128,", "[-127,"},
		"a type of the same width":  {`"uint8", "values": [255`, `"int8", "values": [-1`},
		"a float":                   {"1e30, 2.5", "1e30, 2.25"},
		"a byte":                    {"c0c1", "c0c2"},
		"a day":                     {"20779", "20780"},
		"a tick":                    {"1700000000000000000", "1700000000000000001"},
		"the zone":                  {`"zone": "UTC"`, `"zone": "+00:00"`},
		"the unit":                  {`"unit": "s"`, `"unit": "ms"`},
		"a text of a dictionary":    {"grün", "grün "},
		"an empty text for a null":  {`"red", null, "",`, `"red", "", "",`},
		"a dictionary of strings":   {`"dictionary"`, `"string"`},
		"a value of a list":         {"[4], [null", "[5], [null"},
		"a null for zero in a list": {"[1, null, 3]", "[1, 0, 3]"},
		"an empty list for a null":  {"null, 3], null, []", "null, 3], [], []"},
		"a value in another list":   {`[["a", null], ["bc"]`, `[["a"], [null, "bc"]`},
		"a list of another type":    {`"list", "child": {"type": "int16"}`, `"list", "child": {"type": "int8"}`},
		"a value of a point":        {"[5, 6]", "[5, 7]"},
		"nulls for a null point":    {"[[1, 2], null,", "[[1, 2], [null, null],"},
	} {
		if strings.Count(goldenTypes, change[0]) != 1 {
			t.Fatalf("%s: %q is not there once", name, change[0])
		}
		got := digestOf(t, fromJSON(t, strings.Replace(goldenTypes, change[0], change[1], 1)), 2)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the digest is that of %s", name, other)
		}
		seen[got] = name
	}
}

// TestDigestIgnoresHowADictionaryIsWritten: every batch brings its own.
func TestDigestIgnoresHowADictionaryIsWritten(t *testing.T) {
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "d", Type: typ, Nullable: true}}, nil)
	digest := func(keys, texts string) string {
		column, err := array.DictArrayFromJSON(memory.DefaultAllocator, typ, keys, texts)
		if err != nil {
			t.Fatal(err)
		}
		return digestOf(t, array.NewRecordBatch(schema, []arrow.Array{column}, int64(column.Len())), 10)
	}
	want := digest(`[0, 1, null, 0]`, `["a", "b"]`)
	for keys, texts := range map[string]string{`[1, 0, null, 1]`: `["b", "a"]`, `[2, 3, null, 4]`: `["x", "y", "a", "b", "a"]`} {
		if got := digest(keys, texts); got != want {
			t.Errorf("keys %s into %s: another digest", keys, texts)
		}
	}
	if digest(`[0, 1, null, 1]`, `["a", "b"]`) == want {
		t.Error("a key makes no difference")
	}
}

// TestDigestIgnoresWhatIsUnderNullLists: a null may have values, which are an
// accident.
func TestDigestIgnoresWhatIsUnderNullLists(t *testing.T) {
	clean := fromJSON(t, `{"columns": [{"name": "l", "type": "list", "child": {"type": "string"}, "values": [["a"], null, ["b", null], null]},
		{"name": "f", "type": "fixed_size_list", "size": 1, "child": {"type": "int8"}, "values": [[1], null, [2], [null]]}]}`)
	full, err := table.Encode(fromJSON(t, `{"columns": [{"name": "l", "type": "list", "child": {"type": "string"}, "values": [["a"], ["x", null], ["b", null], ["y"]]},
		{"name": "f", "type": "fixed_size_list", "size": 1, "child": {"type": "int8"}, "values": [[1], [9], [2], [null]]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	full = proto.CloneOf(full)
	full.Columns[0].Validity = []byte{0b0101}
	full.Columns[1].Validity = []byte{0b1101}
	if _, err := table.Decode(full); err != nil {
		t.Fatalf("the wire would not carry it: %v", err)
	}
	d := newRowDigest(full.Schema)
	d.add(full)
	if want := digestOf(t, clean, 4); d.sum() != want {
		t.Errorf("the digest is %s, and %s with nothing under the nulls", d.sum(), want)
	}
}
