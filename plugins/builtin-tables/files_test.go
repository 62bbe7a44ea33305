// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"

	"github.com/apache/arrow-go/v18/arrow"
)

// The files of testdata were written by pyarrow 26 and by SQLite: see make.py.

// typesRows are those of types.parquet and types.arrow.
const typesRows = `1|0|0.1|1.5|true|größe|large|AP8=|YWI=|2026-11-22|2026-11-22T08:50:03.25|2026-11-22T09:50:03.25+01:00|x|["a",null]|[1]|[1,2]|(null)
(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|[3,4]|(null)
-3|255|NaN|-2|false||x||Y2Q=|1969-12-31|2026-11-22T08:50:03.25|2026-11-22T09:50:03.25+01:00|x|[]|[2,3]|[5,6]|(null)
`

func TestFilesOfOthers(t *testing.T) {
	const same = "i: int64, u: uint8, f: float64, h: float32, b: bool, s: utf8, ls: utf8, bin: binary, fsb: binary, d: date32, " +
		"ms: timestamp[ms], tz: timestamp[us, tz=Europe/Warsaw], cat: dictionary<values=utf8, indices=int32, ordered=false>, " +
		"l: list<item: utf8, nullable>, ll: list<item: int32, nullable>, v: fixed_size_list<item: float32, nullable>[2], n: float64"
	for file, c := range map[string]struct {
		kernel, types, rows string
	}{
		"types.parquet": {"read_parquet", same, typesRows},
		"v1.parquet":    {"read_parquet", same, typesRows},
		"types.arrow":   {"read_arrow", same, typesRows},
		"stream.arrows": {"read_arrow", same, typesRows + typesRows},
	} {
		t.Run(file, func(t *testing.T) {
			out := mustRead(t, c.kernel, "", filepath.Join("testdata", file))
			if got := types(out.schema); got != c.types {
				t.Errorf("types are\n%s, want\n%s", got, c.types)
			}
			if got := text(out.batches...); got != c.rows {
				t.Errorf("rows are\n%swant\n%s", got, c.rows)
			}
		})
	}
}

func TestRowGroups(t *testing.T) {
	out := mustRead(t, "read_parquet", "", "testdata/groups.parquet")
	if rows, _ := out.schema.Metadata().GetValue(rowsKey); out.rows != 1000 || rows != "1000" {
		t.Errorf("%d rows, and the schema tells %q", out.rows, rows)
	}
	last := out.batches[len(out.batches)-1]
	if got := last.Column(0).ValueStr(int(last.NumRows()) - 1); got != "999" {
		t.Errorf("the last value is %s", got)
	}
}

func TestRefusedTypes(t *testing.T) {
	for name, says := range map[string]string{
		"decimal": "cast it to float64", "struct": "flatten it", "time": "cast it to an integer", "duration": "cast it to int64",
		"lists": "flatten it", "map": "flatten it", "dictionary": "decode it to int64",
	} {
		_, err := read(t, "read_arrow", "", "testdata/refused-"+name+".arrow")
		if err == nil || !strings.Contains(err.Error(), `"odd"`) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v does not say %q", name, err, says)
		}
	}
}

func TestDatabaseOfOthers(t *testing.T) {
	const people = `1|Ada|55.5|AP8=|true|1815-12-10|2026-11-22T08:50:03.25|7|1.25|a
2|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)
3|größe|70||false|2026-11-22|2026-11-22T00:00:00|8|3|b
`
	const types1 = "id: int64, name: utf8, weight: float64, photo: binary, active: bool, born: date32, seen: timestamp[us], anything: int64, amount: float64, code: utf8"
	for name, c := range map[string]struct{ file, config, types, rows string }{
		"table":       {"types.sqlite", `{"table":"people"}`, types1, people},
		"in WAL mode": {"wal.sqlite", `{"table":"people"}`, types1, people},
		"view":        {"types.sqlite", `{"table":"adults"}`, "id: int64, name: utf8", "1|Ada\n2|(null)\n"},
		"query": {"types.sqlite", `{"query":"SELECT count(*) AS n, avg(weight) AS w, max(name) AS m, NULL AS z FROM people"}`,
			"n: int64, w: float64, m: utf8, z: float64", "3|62.75|größe|(null)\n"},
		"only table": {"mixed.sqlite", `{"query":"SELECT CAST(n AS TEXT) AS n FROM t"}`, "n: utf8", "1\nmany\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out := mustRead(t, "read_sqlite", c.config, filepath.Join("testdata", c.file))
			if got := types(out.schema); got != c.types {
				t.Errorf("types are\n%s, want\n%s", got, c.types)
			}
			if got := text(out.batches...); got != c.rows {
				t.Errorf("rows are\n%swant\n%s", got, c.rows)
			}
		})
	}
}

func TestDatabaseErrors(t *testing.T) {
	for name, c := range map[string]struct{ file, config, says string }{
		"no table named": {"types.sqlite", "", "adults, people"},
		"unknown table":  {"types.sqlite", `{"table":"person"}`, "It has adults, people"},
		"both":           {"types.sqlite", `{"table":"people","query":"SELECT 1"}`, "Give one of them up"},
		"no SQL":         {"types.sqlite", `{"query":"SELEC 1"}`, "syntax error"},
		"writes":         {"types.sqlite", `{"query":"DELETE FROM people"}`, "readonly"},
		"attaches":       {"types.sqlite", `{"query":"ATTACH '/etc/passwd' AS x"}`, "attached databases"},
		"other kind":     {"mixed.sqlite", "", `Column "n", row 2: "many" is no INTEGER`},
		"name twice":     {"types.sqlite", `{"query":"SELECT id, id FROM people"}`, "stands twice"},
		"no database":    {"types.arrow", "", "not a database"},
	} {
		_, err := read(t, "read_sqlite", c.config, filepath.Join("testdata", c.file))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v does not say %q", name, err, c.says)
		}
	}
}

// TestEndlessQuery cancels a query that never ends.
func TestEndlessQuery(t *testing.T) {
	f, err := os.Open("testdata/types.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	none := arrow.NewSchema(nil, nil)
	config := `{"query":"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c"}`
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := instance(t, "read_sqlite", config, "input", f, none).Transform(ctx, kernel.FromBatches(none), kernel.NewWriter(func(arrow.RecordBatch) error { return nil }))
		done <- err
	}()
	cancel(context.Canceled)
	if err := <-done; err == nil {
		t.Error("no error")
	}
}
