// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// goldenTable is in the form that testdata/digest.py reads.
const goldenTable = `{"metadata": {"é": "2", "a": "1"}, "columns": [
	{"name": "i", "type": "int64", "metadata": {"bulkhead.role": "id"}, "values": [1, null, -3, 4, 5, 6, 7, 8, null, 10]},
	{"name": "f", "type": "float64", "values": [0.1, -0.0, null, 1e300, 5, 6, 7, 8, 9, null]},
	{"name": "b", "type": "bool", "values": [true, false, null, true, true, true, true, true, true, null]},
	{"name": "größe", "type": "string", "values": ["ab", "", null, "gęślą", "e", "f", "g", null, "i", ""]}]}`

// goldenDigest was printed by testdata/digest.py. It never changes: people hold
// tables against logs that are years old.
const goldenDigest = "sha256:3dcda2df43190f789f3bca6fa886ccbb2821644f0b464074a246c21388b97eda"

// jsonTable is a table as JSON.
type jsonTable struct {
	Metadata map[string]string
	Columns  []jsonColumn
}

type jsonColumn struct {
	Name, Type, Unit, Zone string
	Size                   int32
	Child                  *jsonColumn
	Metadata               map[string]string
	Values                 json.RawMessage
}

var arrowTypes = map[string]arrow.DataType{
	"int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16, "int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16, "uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"float32": arrow.PrimitiveTypes.Float32, "float64": arrow.PrimitiveTypes.Float64,
	"bool": arrow.FixedWidthTypes.Boolean, "string": arrow.BinaryTypes.String, "binary": arrow.BinaryTypes.Binary, "date32": arrow.FixedWidthTypes.Date32,
	"dictionary": &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
}

// arrowType is the type that a column names.
func (c *jsonColumn) arrowType(t testing.TB) arrow.DataType {
	t.Helper()
	switch c.Type {
	case "timestamp":
		return &arrow.TimestampType{Unit: arrow.TimeUnit(slices.Index([]string{"s", "ms", "us", "ns"}, c.Unit)), TimeZone: c.Zone}
	case "list":
		return arrow.ListOf(c.Child.arrowType(t))
	case "fixed_size_list":
		return arrow.FixedSizeListOf(c.Size, c.Child.arrowType(t))
	}
	if arrowTypes[c.Type] == nil {
		t.Fatalf("no type %q", c.Type)
	}
	return arrowTypes[c.Type]
}

// array reads the values. Arrow's JSON has binary values in base64.
func (c *jsonColumn) array(t testing.TB) arrow.Array {
	t.Helper()
	values := c.Values
	if c.Type == "binary" {
		var texts []*string
		if err := json.Unmarshal(values, &texts); err != nil {
			t.Fatal(err)
		}
		raw := make([][]byte, len(texts)) // JSON has nil as null
		for i, text := range texts {
			if text != nil {
				raw[i], _ = hex.DecodeString(*text)
			}
		}
		values, _ = json.Marshal(raw)
	}
	out, _, err := array.FromJSON(memory.DefaultAllocator, c.arrowType(t), bytes.NewReader(values))
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return out
}

func fromJSON(t testing.TB, text string) arrow.RecordBatch {
	t.Helper()
	var in jsonTable
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		t.Fatal(err)
	}
	var fields []arrow.Field
	var columns []arrow.Array
	for _, c := range in.Columns {
		column := c.array(t)
		fields = append(fields, arrow.Field{Name: c.Name, Type: column.DataType(), Nullable: true, Metadata: arrow.MetadataFrom(c.Metadata)})
		columns = append(columns, column)
	}
	meta := arrow.MetadataFrom(in.Metadata)
	return array.NewRecordBatch(arrow.NewSchema(fields, &meta), columns, int64(columns[0].Len()))
}

// digestOf hashes a table that travels in batches of so many rows.
func digestOf(t testing.TB, b arrow.RecordBatch, rows int64) string {
	t.Helper()
	schema, err := table.EncodeSchema(b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	d := newRowDigest(schema)
	for at := int64(0); at < b.NumRows(); at += rows {
		wire, err := table.Encode(b.NewSlice(at, min(at+rows, b.NumRows())))
		if err != nil {
			t.Fatal(err)
		}
		d.add(wire)
	}
	return d.sum()
}

func TestDigestIsThatOfTheFormat(t *testing.T) {
	golden := fromJSON(t, goldenTable)
	for _, rows := range []int64{1, 2, 3, 7, 8, 9, 10} {
		if got := digestOf(t, golden, rows); got != goldenDigest {
			t.Errorf("in batches of %d rows the digest is %s, want %s", rows, got, goldenDigest)
		}
	}
}

func TestDigestIsThatOfThePythonProgram(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	for _, text := range []string{goldenTable, goldenTypes, strings.ReplaceAll(goldenTable, "ab", "ba"), `{"columns": [{"name": "x", "type": "float64", "values": []}]}`} {
		cmd := exec.Command(python, "testdata/digest.py")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := digestOf(t, fromJSON(t, text), 4), strings.TrimSpace(string(out)); got != want {
			t.Errorf("the digest is %s, and the program's is %s", got, want)
		}
	}
}

func TestDigestTellsTablesApart(t *testing.T) {
	seen := map[string]string{goldenDigest: "the table itself"}
	for name, change := range map[string][2]string{
		"a number":                {"-3", "-4"},
		"a null for zero":         {"-3, 4", "-3, null"},
		"zero for a null":         {"[1, null", "[1, 0"},
		"the sign of zero":        {"-0.0", "0.0"},
		"a bool":                  {"[true, false", "[false, false"},
		"false for a null":        {"[true, false, null", "[true, false, false"},
		"a text":                  {"ab", "ac"},
		"text in another row":     {`"ab", ""`, `"a", "b"`},
		"empty for a null":        {`"", null`, `"", ""`},
		"two rows in other order": {`"e", "f"`, `"f", "e"`},
		"a name":                  {`"i", "type"`, `"j", "type"`},
		"a role":                  {"role\": \"id", "role\": \"weight"},
		"the schema's metadata":   {`"a": "1"`, `"a": "2"`},
		"a column's metadata":     {`"type": "bool",`, `"type": "bool", "metadata": {"k": ""},`},
	} {
		if strings.Count(goldenTable, change[0]) != 1 {
			t.Fatalf("%s: %q is not there once", name, change[0])
		}
		got := digestOf(t, fromJSON(t, strings.Replace(goldenTable, change[0], change[1], 1)), 4)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the digest is that of %s", name, other)
		}
		seen[got] = name
	}
	golden := fromJSON(t, goldenTable)
	if digestOf(t, golden.NewSlice(0, 9), 4) == goldenDigest {
		t.Error("a row less makes no difference")
	}
}

// TestDigestIgnoresWhatIsUnderNulls: a plugin chooses those bytes freely.
func TestDigestIgnoresWhatIsUnderNulls(t *testing.T) {
	wire, err := table.Encode(fromJSON(t, goldenTable))
	if err != nil {
		t.Fatal(err)
	}
	wire = proto.CloneOf(wire)
	c := wire.Columns
	copy(c[0].Values[8:], "garbage!") // row 1 of i
	copy(c[1].Values[16:], "garbage!")
	c[2].Values[0] |= 1 << 2
	// Row 2 of the texts, "ab", "", null, ..., gets one letter.
	c[3].Values = append([]byte("abX"), c[3].Values[2:]...)
	for row := 3; row <= 10; row++ {
		c[3].Offsets[4*row]++
	}
	if _, err := table.Decode(wire); err != nil {
		t.Fatalf("the wire would not carry it: %v", err)
	}
	d := newRowDigest(wire.Schema)
	d.add(wire)
	if got := d.sum(); got != goldenDigest {
		t.Errorf("the digest is %s", got)
	}
}

// TestDigestIgnoresBitmapsThatSayNothing: a bitmap of ones may be left out.
func TestDigestIgnoresBitmapsThatSayNothing(t *testing.T) {
	wire, err := table.Encode(fromJSON(t, `{"columns": [{"name": "x", "type": "int64", "values": [1, 2, 3]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sum := func() string {
		d := newRowDigest(wire.Schema)
		d.add(wire)
		return d.sum()
	}
	without := sum()
	for _, ones := range []byte{0x07, 0xff} { // what stands after the last row is not read
		wire.Columns[0].Validity = []byte{ones}
		if got := sum(); got != without {
			t.Errorf("with a bitmap of %#x the digest is %s, and %s without", ones, got, without)
		}
	}
}

func TestDigestBytes(t *testing.T) {
	if got := DigestBytes(nil); got != "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("the digest of nothing is %s", got)
	}
}

// FuzzDigest hashes what the decoder lets through, whole and in two pieces.
func FuzzDigest(f *testing.F) {
	wire, err := table.Encode(fromJSON(f, goldenTable))
	if err != nil {
		f.Fatal(err)
	}
	seed, err := proto.Marshal(wire)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, uint8(3))
	if wire, err = table.Encode(fromJSON(f, goldenTypes)); err != nil {
		f.Fatal(err)
	}
	if seed, err = proto.Marshal(wire); err != nil {
		f.Fatal(err)
	}
	f.Add(seed, uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		var wire pluginv1.Batch
		if proto.Unmarshal(data, &wire) != nil {
			return
		}
		batch, err := table.Decode(&wire)
		if err != nil {
			return
		}
		whole := newRowDigest(wire.GetSchema())
		whole.add(&wire)
		if got := digestOf(t, batch, int64(cut)+1); got != whole.sum() {
			t.Errorf("in batches of %d rows the digest is %s, and %s whole", int(cut)+1, got, whole.sum())
		}
	})
}
