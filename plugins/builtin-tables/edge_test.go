// SPDX-License-Identifier: Apache-2.0

package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// made creates a database by statements and returns its path.
func made(t *testing.T, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestSQLiteTypes goes through what columns may be declared as and hold.
func TestSQLiteTypes(t *testing.T) {
	for name, c := range map[string]struct{ declared, values, typ, want string }{
		"bigint":             {"BIGINT UNSIGNED", "(1),(NULL)", "int64", "1 (null)"},
		"varchar":            {"NATIONAL VARYING CHARACTER(9)", "('x')", "utf8", "x"},
		"double":             {"DOUBLE PRECISION", "(1),(2.5)", "float64", "1 2.5"},
		"bool":               {"BOOLEAN", "(1),(0),(NULL)", "bool", "true false (null)"},
		"nothing, numbers":   {"", "(1),(2.5)", "float64", "1 2.5"},
		"nothing, integers":  {"", "(1),(2)", "int64", "1 2"},
		"nothing, mixed":     {"", "(1),('x'),(2.5)", "utf8", "1 x 2.5"},
		"nothing, blobs":     {"", "(x'00ff')", "binary", "AP8="},
		"nothing at all":     {"", "(NULL)", "float64", "(null)"},
		"numeric":            {"DECIMAL(10,2)", "(1.25),(3)", "float64", "1.25 3"},
		"dates":              {"DATE", "('2026-11-22'),(NULL)", "date32", "2026-11-22 (null)"},
		"dates with a time":  {"DATE", "('2026-11-22 08:00:00')", "timestamp[us]", "2026-11-22T08:00:00"},
		"times":              {"DATETIME", "('2026-11-22 08:50:03')", "timestamp[us]", "2026-11-22T08:50:03"},
		"times to the nano":  {"DATETIME", "('2026-11-22 08:50:03.000000001')", "timestamp[ns]", "2026-11-22T08:50:03.000000001"},
		"seconds since 1970": {"TIMESTAMP", "(1000)", "int64", "1000"},
		"times and text":     {"DATETIME", "('2026-11-22 08:50:03'),('soon')", "utf8", "2026-11-22T08:50:03Z soon"},
	} {
		t.Run(name, func(t *testing.T) {
			path := made(t, "CREATE TABLE t (x "+c.declared+")", "INSERT INTO t VALUES "+c.values)
			out := mustRead(t, "read_sqlite", "", path)
			if got := out.schema.Field(0).Type.String(); got != c.typ {
				t.Errorf("type %s, want %s", got, c.typ)
			}
			if got := strings.ReplaceAll(strings.TrimSpace(text(out.batches...)), "\n", " "); got != c.want {
				t.Errorf("values %s, want %s", got, c.want)
			}
		})
	}
}

func TestSQLiteValuesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct{ declared, values, says string }{
		"text in int":       {"INTEGER", "(1),('x')", `row 2: "x" is no INTEGER`},
		"fraction in int":   {"INTEGER", "(1.5)", `row 1: "1.5" is no INTEGER`},
		"two in bool":       {"BOOLEAN", "(2)", "BOOLEAN, which is 0 or 1"},
		"text in blob":      {"BLOB", "('x')", "no BLOB"},
		"blob in text":      {"TEXT", "(x'00')", "a blob of 1 bytes"},
		"text in real":      {"REAL", "('x')", "no REAL"},
		"text of old bytes": {"TEXT", "(CAST(x'ff41' AS TEXT))", "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			path := made(t, "CREATE TABLE t (x "+c.declared+")", "INSERT INTO t VALUES "+c.values)
			_, err := read(t, "read_sqlite", "", path)
			if err == nil || !strings.Contains(err.Error(), `Column "x"`) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
	// Behind the sample, where the types are settled.
	late := fmt.Sprintf("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < %d) SELECT CASE WHEN i = %d THEN 'late' ELSE i END AS x FROM c", sampleRows+5, sampleRows+3)
	_, err := read(t, "read_sqlite", `{"query":"`+late+`"}`, "testdata/types.sqlite")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("row %d", sampleRows+3)) {
		t.Errorf("error %v", err)
	}
}

func TestSQLiteBatches(t *testing.T) {
	path := made(t, "CREATE TABLE t (i INTEGER, s TEXT)",
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 20000) INSERT INTO t SELECT i, CASE WHEN i % 5000 = 0 THEN hex(zeroblob(1500000)) ELSE 'x' END FROM c")
	out := mustRead(t, "read_sqlite", "", path)
	if out.rows != 20000 || len(out.batches) != 3 {
		t.Errorf("%d rows in %d batches", out.rows, len(out.batches))
	}
	path = made(t, "CREATE TABLE t (s TEXT)", "INSERT INTO t VALUES (hex(zeroblob(5000000)))")
	if _, err := read(t, "read_sqlite", "", path); err == nil || !strings.Contains(err.Error(), "too big") {
		t.Errorf("a text of 10 MB: error %v", err)
	}
}

// TestLargeBatches writes what is larger than a batch of the wire and reads it.
func TestLargeBatches(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("i", arrow.PrimitiveTypes.Int64), field("s", arrow.BinaryTypes.String)}, nil)
	build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	n := 3*table.MaxRows + 17
	for i := range n {
		build.Field(0).(*array.Int64Builder).Append(int64(i))
		build.Field(1).(*array.StringBuilder).Append(strings.Repeat("t", i%200))
	}
	batch := build.NewRecordBatch()
	for write, read := range map[string]string{"write_parquet": "read_parquet", "write_arrow": "read_arrow", "write_sqlite": "read_sqlite"} {
		path := filepath.Join(t.TempDir(), "a")
		mustWrite(t, write, "", path, schema, batch)
		out := mustRead(t, read, "", path)
		last := out.batches[len(out.batches)-1]
		if out.rows != int64(n) || last.Column(0).ValueStr(int(last.NumRows())-1) != fmt.Sprint(n-1) {
			t.Errorf("%s: %d of %d rows", read, out.rows, n)
		}
		for _, b := range out.batches {
			if table.Size(b) > table.MaxBytes || b.NumRows() > table.MaxRows {
				t.Errorf("%s: a batch of %d rows and %d bytes", read, b.NumRows(), table.Size(b))
			}
		}
	}
}

// TestRowGroupsAreBounded writes several row groups when there is much.
func TestRowGroupsAreBounded(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("f", arrow.PrimitiveTypes.Float64)}, nil)
	build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 1 << 20 {
		build.Field(0).(*array.Float64Builder).Append(float64(i) / 3)
	}
	batch := build.NewRecordBatch()
	path := filepath.Join(t.TempDir(), "a")
	mustWrite(t, "write_parquet", `{"compression":"none"}`, path, schema, batch, batch, batch, batch, batch, batch, batch, batch, batch)
	out := mustRead(t, "read_parquet", "", path)
	if out.rows != 9<<20 {
		t.Errorf("%d rows", out.rows)
	}
}

func TestCallsWithoutFiles(t *testing.T) {
	for _, k := range kernels() {
		i, err := k.New(kernel.NewSetup(arrow.NewSchema(nil, nil), nil))
		if err != nil {
			t.Fatal(err)
		}
		none := arrow.NewSchema(nil, nil)
		if _, err := i.(kernel.Transformer).Transform(t.Context(), kernel.FromBatches(none), kernel.NewWriter(func(arrow.RecordBatch) error { return nil })); err == nil || !strings.Contains(err.Error(), "no file") {
			t.Errorf("%s: error %v", k.Name, err)
		}
		if k.ReadsFile == k.WritesFile || k.Fits || !k.Transforms || k.RowWise {
			t.Errorf("%s is described as %+v", k.Name, k)
		}
	}
}

// TestReadOnlyFile writes where nothing may be written: the error arrives.
func TestReadOnlyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"write_parquet", "write_arrow", "write_sqlite"} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		in := batchOf(t, single, singleRows)
		if _, err := instance(t, name, "", "output", f, single).Transform(t.Context(), kernel.FromBatches(single, in), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s closed the host's file: %v", name, err)
		}
	}
}
