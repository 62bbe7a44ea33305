// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

var dictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// everything has a column of each type that CSV has.
var everything = arrow.NewSchema([]arrow.Field{
	{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "s, \"t\"", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "t", Type: &arrow.TimestampType{Unit: arrow.Millisecond}, Nullable: true},
	{Name: "z", Type: &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}, Nullable: true},
	{Name: "w", Type: dictionaryType, Nullable: true},
	{Name: "u", Type: arrow.PrimitiveTypes.Uint8, Nullable: true},
	{Name: "g", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
}, nil)

const rowsJSON = `[
{"i":1,"f":0.1,"b":true,"s, \"t\"":"plain","d":"2026-11-22","t":"2026-11-22 08:50:03.25","z":"2026-11-22 08:50:03.000000001Z","w":"x","u":255,"g":0.1},
{"i":-9223372036854775808,"f":1e300,"b":false,"s, \"t\"":" a,\"b\"\nc","d":"1969-12-31","t":"1969-12-31 23:59:59","z":"1700-01-01 00:00:00Z","w":"x","u":0,"g":-2},
{}]`

func batchOf(t testing.TB, schema *arrow.Schema, text string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes batches to a new file.
func put(t testing.TB, spec Spec, decoder source.Decoder, batches ...arrow.RecordBatch) (Written, error) {
	t.Helper()
	s, err := Create(context.Background(), spec, batches[0].Schema(), decoder)
	if err != nil {
		return Written{}, err
	}
	defer s.Abort()
	for _, b := range batches {
		if err := s.Write(b); err != nil {
			return Written{}, err
		}
	}
	return s.Commit()
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// only insists that a directory holds these files and nothing else.
func only(t testing.TB, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the directory holds %q, want %q", got, names)
	}
}

func TestCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	w, err := put(t, Spec{Path: path}, nil, batchOf(t, everything, rowsJSON))
	if err != nil {
		t.Fatal(err)
	}
	want := `i,f,b,"s, ""t""",d,t,z,w,u,g
1,0.1,true,plain,2026-11-22,2026-11-22T08:50:03.25,2026-11-22T08:50:03.000000001Z,x,255,0.1
-9223372036854775808,1e+300,false," a,""b""
c",1969-12-31,1969-12-31T23:59:59,1700-01-01T00:00:00Z,x,0,-2
,,,,,,,,,
`
	if got := read(t, path); got != want {
		t.Errorf("the file is\n%s", got)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(want)))
	if w != (Written{Path: path, Rows: 3, Bytes: int64(len(want)), SHA256: sum}) {
		t.Errorf("written %+v", w)
	}
	only(t, filepath.Dir(path), "x.csv")
}

// TestRoundTrip reads what was written back, in every text format.
func TestRoundTrip(t *testing.T) {
	types := map[string]string{"i": "int64", "f": "float64", "b": "bool", "s, \"t\"": "string", "d": "date32", "t": "timestamp[ms]", "z": "timestamp[ns, UTC]", "w": "dictionary", "u": "uint8", "g": "float32"}
	for _, name := range []string{"x.csv", "x.csv.gz", "x.csv.zst", "x.jsonl", "x.jsonl.gz"} {
		t.Run(name, func(t *testing.T) {
			format := strings.Split(name, ".")[1]
			path := filepath.Join(t.TempDir(), name)
			in := batchOf(t, everything, rowsJSON)
			if _, err := put(t, Spec{Path: path, Format: format}, nil, in, in); err != nil {
				t.Fatal(err)
			}
			tab, err := source.Open(context.Background(), source.Spec{Path: path, Format: format, Types: types}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for out, err := range tab.Batches(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				for i, half := range []arrow.RecordBatch{out.NewSlice(0, 3), out.NewSlice(3, 6)} {
					compare(t, in, half, i)
				}
			}
		})
	}
}

func compare(t *testing.T, in, out arrow.RecordBatch, half int) {
	t.Helper()
	for i, f := range in.Schema().Fields() {
		for row := range int(in.NumRows()) {
			if a, b := in.Column(i).ValueStr(row), out.Column(i).ValueStr(row); a != b {
				t.Errorf("half %d, column %s, row %d: %q became %q", half, f.Name, row, a, b)
			}
		}
	}
}

func TestJSONLines(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "b", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Float64Builder).AppendValues([]float64{1.5, math.NaN(), math.Inf(-1)}, nil)
	b.Field(1).(*array.StringBuilder).AppendValues([]string{"ä\"\\\n\t\x01", "", "x"}, []bool{true, true, false})
	b.Field(2).(*array.BinaryBuilder).AppendValues([][]byte{{0, 255}, {}, nil}, []bool{true, true, false})
	if err := b.Field(3).UnmarshalJSON([]byte("[[1,null,3],[],null]")); err != nil {
		t.Fatal(err)
	}
	if err := b.Field(4).UnmarshalJSON([]byte("[[1,2.5],[0,0],null]")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.jsonl")
	w, err := put(t, Spec{Path: path, Format: source.JSONL}, nil, b.NewRecordBatch())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"f":1.5,"s":"ä\"\\\n\t\u0001","b":"AP8=","l":[1,null,3],"v":[1,2.5]}
{"f":null,"s":"","b":"","l":[],"v":[0,0]}
{"f":null,"s":null,"b":null,"l":null,"v":null}
`
	if got := read(t, path); got != want || w.Replaced != 2 {
		t.Errorf("%d values were replaced, and the file is\n%s", w.Replaced, got)
	}
}

func TestCompressedIsDeterministic(t *testing.T) {
	batch := batchOf(t, everything, rowsJSON)
	for _, kind := range []string{"gzip", "zstd"} {
		var sums []string
		for range 2 {
			path := filepath.Join(t.TempDir(), "x.csv")
			w, err := put(t, Spec{Path: path, Compression: kind}, nil, batch, batch)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, w.SHA256)
			if text := expand(t, kind, read(t, path)); strings.Count(text, "\n") != 9 {
				t.Errorf("%s holds %q", kind, text)
			}
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: %s and %s", kind, sums[0], sums[1])
		}
	}
}

func expand(t *testing.T, kind, content string) string {
	t.Helper()
	var r io.Reader
	var err error
	if kind == "gzip" {
		r, err = gzip.NewReader(strings.NewReader(content))
	} else {
		r, err = zstd.NewReader(strings.NewReader(content))
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	binary := arrow.NewSchema([]arrow.Field{{Name: "b", Type: arrow.BinaryTypes.Binary}}, nil)
	for name, c := range map[string]struct {
		spec   Spec
		schema *arrow.Schema
		says   string
	}{
		"no path":           {Spec{}, everything, "Name a file"},
		"directory":         {Spec{Path: dir}, everything, "A directory"},
		"device":            {Spec{Path: os.DevNull}, everything, "regular"},
		"missing directory": {Spec{Path: filepath.Join(dir, "none", "x.csv")}, everything, "mkdir -p"},
		"format":            {Spec{Path: dir + "/x", Format: "xlsx"}, everything, "Unknown format"},
		"compression":       {Spec{Path: dir + "/x", Compression: "lz4"}, everything, "gzip"},
		"no plugin":         {Spec{Path: dir + "/x", Format: source.Parquet}, everything, "plugin tables"},
		"no columns":        {Spec{Path: dir + "/x"}, arrow.NewSchema(nil, nil), "No columns"},
		"binary in CSV":     {Spec{Path: dir + "/x"}, binary, "Write jsonl, parquet or arrow"},
		"table of CSV":      {Spec{Path: dir + "/x", Table: "t"}, everything, "sqlite"},
		"type of no table":  {Spec{Path: dir + "/x"}, arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.FixedWidthTypes.MonthInterval}}, nil), "cannot be written"},
	} {
		_, err := Create(context.Background(), c.spec, c.schema, nil)
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: error %v does not say %q", name, err, c.says)
		}
	}
	only(t, dir)
}

func TestAbortAndErrorsKeepTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	batch := batchOf(t, everything, rowsJSON)
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("enough")
	for name, spoil := range map[string]func(*Sink) error{
		"abort":         func(s *Sink) error { s.Abort(); return s.Write(batch) },
		"other columns": func(s *Sink) error { return s.Write(batchOf(t, arrow.NewSchema(everything.Fields()[:2], nil), "[{}]")) },
		"other types": func(s *Sink) error {
			fields := append([]arrow.Field{}, everything.Fields()...)
			fields[0].Type = arrow.PrimitiveTypes.Int32
			return s.Write(batchOf(t, arrow.NewSchema(fields, nil), "[{}]"))
		},
		"cancel": func(s *Sink) error { cancel(cause); return s.Prepare() },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Create(ctx, Spec{Path: path}, everything, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Write(batch); err != nil && !errors.Is(err, cause) {
				t.Fatal(err)
			}
			if err := spoil(s); err == nil {
				t.Error("no error")
			}
			if _, err := s.Commit(); err == nil {
				t.Error("it was committed")
			}
			if read(t, path) != "old" {
				t.Error("the old file is gone")
			}
			only(t, dir, "x.csv")
		})
	}
}

func TestLinkAndPermissionsStay(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "real.csv"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "x.csv")
	if err := os.Symlink("real.csv", link); err != nil {
		t.Skip(err)
	}
	w, err := put(t, Spec{Path: link}, nil, batchOf(t, everything, rowsJSON))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 || filepath.Base(w.Path) != "real.csv" {
		t.Errorf("the link is %v, %v; written %s", info.Mode(), err, w.Path)
	}
	if info, err = os.Stat(link); err != nil || info.Mode().Perm() != 0o600 || info.Size() != w.Bytes {
		t.Errorf("the file is %v, %v", info, err)
	}
}

// plugin writes the number of rows that it was given, or fails.
type plugin struct {
	fail  error
	after int // batches
	quiet bool
}

func (p plugin) Read(context.Context, string, []byte, *os.File, dataplane.Output) error {
	return errors.New("not asked for")
}

func (p plugin) Write(_ context.Context, kernel string, config []byte, file *os.File, _ *arrow.Schema, in dataplane.Batches) error {
	var rows, batches int64
	for b, err := range in {
		if err != nil {
			return err
		}
		rows += b.NumRows()
		if batches++; p.fail != nil && int(batches) > p.after {
			return p.fail
		}
	}
	if p.quiet {
		return nil
	}
	_, err := fmt.Fprintf(file, "%s %s %d", kernel, config, rows)
	return err
}

func TestPluginWrites(t *testing.T) {
	batch := batchOf(t, everything, rowsJSON)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		plugin plugin
		want   string
		says   string
	}{
		"writes":         {plugin{}, `write_sqlite {"table":"t"} 9`, ""},
		"fails at once":  {plugin{fail: broken}, "old", "broken"},
		"fails later":    {plugin{fail: broken, after: 2}, "old", "broken"},
		"writes nothing": {plugin{quiet: true}, "old", "wrote nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.db")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := put(t, Spec{Path: path, Format: source.SQLite, Table: "t"}, c.plugin, batch, batch, batch)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v", err)
			}
			if got := read(t, path); got != c.want {
				t.Errorf("the file holds %q", got)
			}
			only(t, dir, "x.db")
		})
	}
}

// BenchmarkCSV writes a table of numbers.
func BenchmarkCSV(b *testing.B) {
	fields := make([]arrow.Field, 8)
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprint("c", i), Type: arrow.PrimitiveTypes.Float64}
	}
	build := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for row := range 65536 {
		for _, f := range build.Fields() {
			f.(*array.Float64Builder).Append(float64(row) / 7)
		}
	}
	batch := build.NewRecordBatch()
	path := filepath.Join(b.TempDir(), "x.csv")
	for b.Loop() {
		w, err := put(b, Spec{Path: path}, nil, batch)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(w.Bytes)
	}
}
