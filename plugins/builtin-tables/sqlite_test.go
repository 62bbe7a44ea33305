// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// healthy asks SQLite itself about a database.
func healthy(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	db, err := openDatabase(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	var answer string
	if err := db.conn.QueryRowContext(context.Background(), "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("SQLite finds %s, %v", answer, err)
	}
}

// TestWriteSQLite reads back what was written. SQLite has no unsigned and small
// numbers, no zones and no dictionaries: they come back as what holds them.
func TestWriteSQLite(t *testing.T) {
	path, again := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	in := batchOf(t, single, singleRows)
	report := mustWrite(t, "write_sqlite", `{"table":"my \"rows\""}`, path, single, in, in)
	mustWrite(t, "write_sqlite", `{"table":"my \"rows\""}`, again, single, in, in)
	if sum(t, path) != sum(t, again) || report["rows"] != int64(6) {
		t.Errorf("report %v, or the same rows give other bytes", report)
	}
	healthy(t, path)
	out := mustRead(t, "read_sqlite", "", path)
	const want = "i8: int64, i16: int64, i32: int64, i64: int64, u8: int64, u16: int64, u32: int64, u64: int64, f32: float64, f64: float64, " +
		"b: bool, s: utf8, bin: binary, d: date32, ms: timestamp[us], us: timestamp[us], ns: timestamp[ns], w: utf8"
	if got := types(out.schema); got != want {
		t.Errorf("types are\n%s", got)
	}
	wanted := strings.ReplaceAll(text(in, in), "03.000001Z", "03.000001")
	wanted = strings.ReplaceAll(wanted, "00:00:00Z", "00:00:00")
	if got := text(out.batches...); got != wanted {
		t.Errorf("rows are\n%swant\n%s", got, wanted)
	}
}

func TestSQLiteOddValues(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("f", arrow.PrimitiveTypes.Float64), field("u", arrow.PrimitiveTypes.Uint64)}, nil)
	build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	build.Field(0).(*array.Float64Builder).AppendValues([]float64{math.NaN(), math.Inf(1), math.Copysign(0, -1)}, nil)
	build.Field(1).(*array.Uint64Builder).AppendValues([]uint64{0, 1, math.MaxInt64}, nil)
	path := filepath.Join(t.TempDir(), "a")
	if report := mustWrite(t, "write_sqlite", "", path, schema, build.NewRecordBatch()); report["replaced"] != 1 {
		t.Errorf("report %v", report)
	}
	healthy(t, path)
	if got := text(mustRead(t, "read_sqlite", "", path).batches...); got != "(null)|0\n+Inf|1\n-0|9223372036854775807\n" {
		t.Errorf("rows are\n%s", got)
	}
	build.Field(0).(*array.Float64Builder).Append(0)
	build.Field(1).(*array.Uint64Builder).Append(math.MaxUint64)
	if _, err := write(t, "write_sqlite", "", path, schema, build.NewRecordBatch()); err == nil || !strings.Contains(err.Error(), `Column "u", row 1`) {
		t.Errorf("error %v", err)
	}
	if _, err := write(t, "write_sqlite", "", path, nested()); err == nil || !strings.Contains(err.Error(), `Column "l"`) {
		t.Errorf("error %v", err)
	}
	if _, err := write(t, "write_sqlite", `{"table":"sqlite_x"}`, path, schema); err == nil || !strings.Contains(err.Error(), "no name of a table") {
		t.Errorf("error %v", err)
	}
}

// TestLargeDatabase has a tree of three levels and rows of many pages.
func TestLargeDatabase(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("i", arrow.PrimitiveTypes.Int64), field("s", arrow.BinaryTypes.String)}, nil)
	var batches []arrow.RecordBatch
	rows := 0
	for range 12 {
		build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for range 20000 {
			build.Field(0).(*array.Int64Builder).Append(int64(rows) * 1_000_003)
			long := rows%300 + 200
			if rows%10007 == 0 {
				long = 4000 + rows/10007*53 // around the page's own size, and beyond
			}
			build.Field(1).(*array.StringBuilder).Append(strings.Repeat("x", long))
			rows++
		}
		batches = append(batches, build.NewRecordBatch())
	}
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, "write_sqlite", "", path, schema, batches...)
	healthy(t, path)
	out := mustRead(t, "read_sqlite", `{"query":"SELECT count(*) AS n, sum(i) AS i, sum(length(s)) AS l FROM rows"}`, path)
	var length int
	for r := range rows {
		if r%10007 == 0 {
			length += 4000 + r/10007*53
		} else {
			length += r%300 + 200
		}
	}
	want := fmt.Sprintf("%d|%d|%d\n", rows, int64(rows)*int64(rows-1)/2*1_000_003, length)
	if got := text(out.batches...); got != want {
		t.Errorf("sums are %s, want %s", got, want)
	}
}

// TestManyColumns has a schema that does not fit on page 1.
func TestManyColumns(t *testing.T) {
	var fields []arrow.Field
	for i := range 2000 {
		fields = append(fields, field(fmt.Sprintf("column number %d", i), arrow.PrimitiveTypes.Int64))
	}
	for _, n := range []int{120, 140, 150, 400, 2000} {
		schema := arrow.NewSchema(fields[:n], nil)
		path := filepath.Join(t.TempDir(), "a")
		mustWrite(t, "write_sqlite", "", path, schema, batchOf(t, schema, `[{"column number 0":1},{}]`))
		healthy(t, path)
		if out := mustRead(t, "read_sqlite", "", path); out.rows != 2 || out.schema.NumFields() != n {
			t.Errorf("%d rows of %d columns", out.rows, out.schema.NumFields())
		}
	}
	if _, err := write(t, "write_sqlite", "", filepath.Join(t.TempDir(), "a"), arrow.NewSchema(append(fields, field("x", arrow.PrimitiveTypes.Int64)), nil)); err == nil || !strings.Contains(err.Error(), "2001 columns") {
		t.Errorf("error %v", err)
	}
}

// TestDescriptorsOnly reads and writes files whose names are gone, as in a
// sandbox.
func TestDescriptorsOnly(t *testing.T) {
	for w, r := range map[string]string{"write_parquet": "read_parquet", "write_arrow": "read_arrow", "write_sqlite": "read_sqlite"} {
		f, err := os.Create(filepath.Join(t.TempDir(), "a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(f.Name()); err != nil {
			t.Skip(err) // Windows keeps names of open files
		}
		in := batchOf(t, single, singleRows)
		if _, err := instance(t, w, "", "output", f, single).Transform(context.Background(), kernel.FromBatches(single, in), nil); err != nil {
			t.Fatal(err)
		}
		var rows int64
		none := arrow.NewSchema(nil, nil)
		_, err = instance(t, r, "", "input", f, none).Transform(context.Background(), kernel.FromBatches(none), kernel.NewWriter(func(b arrow.RecordBatch) error {
			rows += b.NumRows()
			return nil
		}))
		if err != nil || rows != 3 {
			t.Errorf("%s: %d rows, %v", r, rows, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
