// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// TestEveryNumber writes the limits of every number to both formats.
func TestEveryNumber(t *testing.T) {
	var fields []arrow.Field
	for _, typ := range []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	} {
		fields = append(fields, arrow.Field{Name: typ.Name(), Type: typ, Nullable: true})
	}
	batch := batchOf(t, arrow.NewSchema(fields, nil), `[
{"int8":-128,"int16":-32768,"int32":-2147483648,"int64":-9223372036854775808,"uint8":0,"uint16":0,"uint32":0,"uint64":0},
{"int8":127,"int16":32767,"int32":2147483647,"int64":9223372036854775807,"uint8":255,"uint16":65535,"uint32":4294967295,"uint64":9223372036854775807}]`)
	dir := t.TempDir()
	want := "-128,-32768,-2147483648,-9223372036854775808,0,0,0,0\n127,32767,2147483647,9223372036854775807,255,65535,4294967295,9223372036854775807\n"
	if _, err := put(t, Spec{Path: filepath.Join(dir, "x.csv")}, nil, batch); err != nil {
		t.Fatal(err)
	}
	if _, rest, _ := strings.Cut(read(t, filepath.Join(dir, "x.csv")), "\n"); rest != want {
		t.Errorf("CSV is %s", rest)
	}
	if _, err := put(t, Spec{Path: filepath.Join(dir, "x.jsonl"), Format: source.JSONL}, nil, batch); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(read(t, filepath.Join(dir, "x.jsonl"))), "\n") {
		var row map[string]json.Number
		if err := json.Unmarshal([]byte(line), &row); err != nil || len(row) != 8 || !strings.Contains(want, row["int64"].String()) {
			t.Errorf("line %s, %v", line, err)
		}
	}
}

// TestSlicesAreWritten writes parts of batches, whose rows do not begin at 0.
func TestSlicesAreWritten(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8), Nullable: true},
		{Name: "w", Type: dictionaryType, Nullable: true},
	}, nil)
	whole := batchOf(t, schema, `[{"l":["no"],"v":[0,0],"w":"no"},{"l":["a","b"],"v":[1,2],"w":"x"},{"v":[3,4]},{"l":[]}]`)
	path := filepath.Join(t.TempDir(), "x.jsonl")
	if _, err := put(t, Spec{Path: path, Format: source.JSONL}, nil, whole.NewSlice(1, 4)); err != nil {
		t.Fatal(err)
	}
	want := `{"l":["a","b"],"v":[1,2],"w":"x"}
{"l":null,"v":[3,4],"w":null}
{"l":[],"v":null,"w":null}
`
	if got := read(t, path); got != want {
		t.Errorf("the file is\n%s", got)
	}
}

// FuzzField writes any texts and has encoding/csv and encoding/json read them.
func FuzzField(f *testing.F) {
	f.Add("plain", "with \"quotes\"")
	f.Add(" a,b\r\nc", "\x00\x1f\u2028é😀")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		record := append(appendField(append(appendField(nil, []byte(a)), ','), []byte(b)), '\n')
		got, err := csv.NewReader(strings.NewReader(string(record))).Read()
		if err != nil || len(got) != 2 || got[0] != strings.ReplaceAll(a, "\r\n", "\n") || got[1] != strings.ReplaceAll(b, "\r\n", "\n") {
			t.Fatalf("%q and %q are written %q and read %q, %v", a, b, record, got, err)
		}
		var back string
		if err := json.Unmarshal(appendJSON(nil, []byte(a)), &back); err != nil || back != a {
			t.Fatalf("%q is written %s and read %q, %v", a, appendJSON(nil, []byte(a)), back, err)
		}
	})
}

func TestTextThatIsNone(t *testing.T) {
	var back string
	if err := json.Unmarshal(appendJSON(nil, []byte("a\xffb")), &back); err != nil || back != "a\ufffdb" {
		t.Errorf("%q, %v", back, err)
	}
	build := array.NewBooleanBuilder(memory.DefaultAllocator)
	build.AppendNulls(1)
	if c, err := plainText.cell(array.NewNull(1)); err == nil {
		t.Errorf("a column without a type has the cell %v", c != nil)
	}
}
