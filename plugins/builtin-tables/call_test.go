// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// instance makes a kernel over a file.
func instance(t testing.TB, name, config, file string, f *os.File, schema *arrow.Schema) kernel.Transformer {
	t.Helper()
	all := kernels()
	i := slices.IndexFunc(all, func(k kernel.Kernel) bool { return k.Name == name })
	var settings []byte
	if config != "" {
		settings = []byte(config)
	}
	k, err := all[i].New(kernel.NewSetup(schema, settings).WithFile(file, f))
	if err != nil {
		t.Fatal(err)
	}
	return k.(kernel.Transformer)
}

// result is what a reading kernel gave.
type result struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
	rows    int64
}

// read runs a reading kernel. Batches are checked as the host does.
func read(t testing.TB, name, config, path string) (*result, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	none := arrow.NewSchema(nil, nil)
	out := &result{}
	w := kernel.NewWriter(func(b arrow.RecordBatch) error {
		p, err := table.Encode(b)
		if err != nil {
			return err
		}
		back, err := table.Decode(p)
		if err != nil {
			return fmt.Errorf("the host refuses the batch: %w", err)
		}
		out.schema = back.Schema()
		out.batches = append(out.batches, back)
		out.rows += back.NumRows()
		return nil
	})
	_, err = instance(t, name, config, "input", f, none).Transform(context.Background(), kernel.FromBatches(none), w)
	return out, err
}

// write runs a writing kernel and returns its report.
func write(t testing.TB, name, config, path string, schema *arrow.Schema, batches ...arrow.RecordBatch) (kernel.Report, error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	report, err := instance(t, name, config, "output", f, schema).Transform(context.Background(), kernel.FromBatches(schema, batches...), nil)
	if closeErr := f.Close(); closeErr != nil {
		t.Errorf("the kernel closed the host's file: %v", closeErr)
	}
	return report, err
}

func mustWrite(t testing.TB, name, config, path string, schema *arrow.Schema, batches ...arrow.RecordBatch) kernel.Report {
	t.Helper()
	report, err := write(t, name, config, path, schema, batches...)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func mustRead(t testing.TB, name, config, path string) *result {
	t.Helper()
	out, err := read(t, name, config, path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// text shows every value of batches, row by row.
func text(batches ...arrow.RecordBatch) string {
	var b strings.Builder
	for _, batch := range batches {
		for row := range int(batch.NumRows()) {
			for i, c := range batch.Columns() {
				if i > 0 {
					b.WriteByte('|')
				}
				b.WriteString(c.ValueStr(row))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// types shows the types of a schema.
func types(s *arrow.Schema) string {
	var out []string
	for _, f := range s.Fields() {
		out = append(out, f.Name+": "+f.Type.String())
	}
	return strings.Join(out, ", ")
}

func batchOf(t testing.TB, schema *arrow.Schema, rows string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sum(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

var dictionary = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// single has a column of every type without nesting.
var single = arrow.NewSchema([]arrow.Field{
	field("i8", arrow.PrimitiveTypes.Int8), field("i16", arrow.PrimitiveTypes.Int16),
	field("i32", arrow.PrimitiveTypes.Int32), field("i64", arrow.PrimitiveTypes.Int64),
	field("u8", arrow.PrimitiveTypes.Uint8), field("u16", arrow.PrimitiveTypes.Uint16),
	field("u32", arrow.PrimitiveTypes.Uint32), field("u64", arrow.PrimitiveTypes.Uint64),
	field("f32", arrow.PrimitiveTypes.Float32), field("f64", arrow.PrimitiveTypes.Float64),
	field("b", arrow.FixedWidthTypes.Boolean), field("s", arrow.BinaryTypes.String),
	field("bin", arrow.BinaryTypes.Binary), field("d", arrow.FixedWidthTypes.Date32),
	field("ms", &arrow.TimestampType{Unit: arrow.Millisecond}),
	field("us", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}),
	field("ns", &arrow.TimestampType{Unit: arrow.Nanosecond}),
	field("w", dictionary),
}, nil)

const singleRows = `[
{"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"u8":255,"u16":65535,"u32":4294967295,"u64":9223372036854775807,"f32":1.5,"f64":0.1,"b":true,"s":"größe\u0000","bin":"AP8=","d":"1969-12-31","ms":"1969-12-31 23:59:59.999","us":"2026-11-22 08:50:03.000001Z","ns":"2026-11-22 08:50:03.000000001","w":"x"},
{},
{"i8":1,"i16":1,"i32":1,"i64":1,"u8":1,"u16":1,"u32":1,"u64":1,"f32":-1,"f64":1e300,"b":false,"s":"","bin":"","d":"2026-11-22","ms":"2026-11-22 00:00:00","us":"2026-11-22 00:00:00Z","ns":"2026-11-22 00:00:00","w":"y"}]`

// nested adds lists.
func nested() *arrow.Schema {
	return arrow.NewSchema(append(slices.Clone(single.Fields()),
		field("l", arrow.ListOf(arrow.BinaryTypes.String)), field("v", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32))), nil)
}

func nestedRows() string {
	return strings.Replace(strings.Replace(singleRows, `"w":"x"}`, `"w":"x","l":["a",null,""],"v":[1,2]}`, 1), `"w":"y"}`, `"w":"y","l":[],"v":[3,4]}`, 1)
}

func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		write, read, config string
		schema              *arrow.Schema
		rows                string
	}{
		"parquet":        {"write_parquet", "read_parquet", "", nested(), nestedRows()},
		"parquet, zstd":  {"write_parquet", "read_parquet", `{"compression":"zstd"}`, nested(), nestedRows()},
		"parquet, plain": {"write_parquet", "read_parquet", `{"compression":"none"}`, nested(), nestedRows()},
		"arrow":          {"write_arrow", "read_arrow", "", nested(), nestedRows()},
		"arrow, lz4":     {"write_arrow", "read_arrow", `{"compression":"lz4"}`, nested(), nestedRows()},
		"arrow, zstd":    {"write_arrow", "read_arrow", `{"compression":"zstd"}`, nested(), nestedRows()},
	} {
		t.Run(name, func(t *testing.T) {
			in := batchOf(t, c.schema, c.rows)
			other := batchOf(t, c.schema, strings.ReplaceAll(c.rows, `"w":"x"`, `"w":"z"`)) // another dictionary
			path, again := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
			report := mustWrite(t, c.write, c.config, path, c.schema, in, other)
			mustWrite(t, c.write, c.config, again, c.schema, in, other)
			if sum(t, path) != sum(t, again) {
				t.Error("the same rows give other bytes")
			}
			out := mustRead(t, c.read, "", path)
			if got, want := text(out.batches...), text(in, other); got != want {
				t.Errorf("rows are\n%swant\n%s", got, want)
			}
			want := types(c.schema)
			if c.write == "write_parquet" {
				want = strings.Replace(want, "v: fixed_size_list<item: float32, nullable>[2]", "v: list<item: float32, nullable>", 1)
				if fmt.Sprint(report["lists"]) != "[v]" {
					t.Errorf("report %v", report)
				}
			}
			if c.write == "write_arrow" {
				want = strings.Replace(want, types(arrow.NewSchema([]arrow.Field{field("w", dictionary)}, nil)), "w: utf8", 1)
				if fmt.Sprint(report["decoded"]) != "[w]" {
					t.Errorf("report %v", report)
				}
			}
			if got := types(out.schema); got != want || report["rows"] != int64(6) {
				t.Errorf("report %v, types are\n%s, want\n%s", report, got, want)
			}
		})
	}
}

func TestSchemaOnly(t *testing.T) {
	for write, read := range map[string]string{"write_parquet": "read_parquet", "write_arrow": "read_arrow", "write_sqlite": "read_sqlite"} {
		path := filepath.Join(t.TempDir(), "a")
		mustWrite(t, write, "", path, single, batchOf(t, single, singleRows))
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		none := arrow.NewSchema(nil, nil)
		w := kernel.NewWriter(func(arrow.RecordBatch) error {
			t.Errorf("%s: a batch came", read)
			return nil
		})
		report, err := instance(t, read, `{"schema_only":true}`, "input", f, none).Transform(context.Background(), kernel.FromBatches(none), w)
		if err != nil || report["rows"] != int64(0) {
			t.Errorf("%s: %v, %v", read, report, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEmptyTables(t *testing.T) {
	for write, read := range map[string]string{"write_parquet": "read_parquet", "write_arrow": "read_arrow", "write_sqlite": "read_sqlite"} {
		path := filepath.Join(t.TempDir(), "a")
		mustWrite(t, write, "", path, single)
		if out := mustRead(t, read, "", path); out.rows != 0 {
			t.Errorf("%s: %d rows", read, out.rows)
		}
	}
}
