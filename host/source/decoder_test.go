// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// lister is a decoder whose files hold one number a line. The first line names
// the columns of its tables.
type lister struct {
	rows     string // what it tells of their number
	drift    bool   // rows have other columns than the first look
	fail     error
	calls    []string
	lastRead ReadConfig
}

func (l *lister) Read(_ context.Context, kernel string, config []byte, file *os.File, out dataplane.Output) error {
	l.calls = append(l.calls, kernel+" "+string(config))
	l.lastRead = ReadConfig{}
	if err := json.Unmarshal(config, &l.lastRead); err != nil {
		return err
	}
	if l.fail != nil {
		return l.fail
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	lines := strings.Fields(string(text))
	schema := l.schema(lines[0])
	if out.Schema != nil {
		if err := out.Schema(schema); err != nil {
			return err
		}
	}
	if l.lastRead.SchemaOnly {
		return nil
	}
	for _, line := range lines[1:] {
		if err := l.row(schema, line, out); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) schema(names string) *arrow.Schema {
	var fields []arrow.Field
	for _, n := range strings.Split(names, ",") {
		f := arrow.Field{Name: n, Type: arrow.BinaryTypes.String, Metadata: arrow.MetadataFrom(map[string]string{table.RoleKey: "weight"})}
		if l.drift && !l.lastRead.SchemaOnly {
			f.Type = arrow.PrimitiveTypes.Int64
		}
		fields = append(fields, f)
	}
	meta := arrow.MetadataFrom(map[string]string{RowsKey: l.rows})
	return arrow.NewSchema(fields, &meta)
}

func (l *lister) row(schema *arrow.Schema, line string, out dataplane.Output) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, v := range strings.Split(line, ",") {
		if err := b.Field(i).AppendValueFromString(v); err != nil {
			return err
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	return out.Batch(dataplane.Part{Batch: batch})
}

func (l *lister) Write(context.Context, string, []byte, *os.File, *arrow.Schema, dataplane.Batches) error {
	return errors.New("not asked for")
}

func TestDecoded(t *testing.T) {
	l := &lister{rows: "2"}
	spec := Spec{Path: write(t, "a,b\n1,2\n3,4\n"), Format: SQLite, Query: "SELECT 1", Target: "b"}
	tab, err := Open(context.Background(), spec, l)
	if err != nil {
		t.Fatal(err)
	}
	if tab.Rows() != 2 || tab.Exact() || types(tab) != "string string" || table.TargetIndex(tab.Schema()) != 1 || tab.Columns()[0].Nulls != -1 {
		t.Errorf("%d rows, exact %v, columns %+v", tab.Rows(), tab.Exact(), tab.Columns())
	}
	if table.Role(tab.Schema().Field(0)) != "" || tab.Schema().Metadata().Len() != 0 {
		t.Errorf("what the plugin says about roles arrived: %v", tab.Schema())
	}
	for range 2 {
		if got := fmt.Sprint(rows(t, tab)); got != "[[1 2] [3 4]]" {
			t.Errorf("rows %s", got)
		}
	}
	want := `[read_sqlite {"schema_only":true,"query":"SELECT 1"} read_sqlite {"query":"SELECT 1"} read_sqlite {"query":"SELECT 1"}]`
	if got := fmt.Sprint(l.calls); got != want {
		t.Errorf("calls %s", got)
	}
	for range tab.Batches(context.Background()) {
		break
	}
}

func TestDecodedErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		lister  lister
		content string
		spec    Spec
		says    string
	}{
		"plugin fails":  {lister{fail: broken}, "a\n1\n", Spec{}, "broken"},
		"rows missing":  {lister{rows: "3"}, "a\n1\n", Spec{}, "1 rows came, and the file tells of 3"},
		"no rows":       {lister{rows: "0"}, "a\n", Spec{}, "No rows"},
		"other columns": {lister{drift: true}, "a\n1\n", Spec{}, "Columns that changed"},
		"target":        {lister{}, "a\n1\n", Spec{Target: "b"}, "Unknown target"},
		"types":         {lister{}, "a\n1\n", Spec{Types: map[string]string{"a": "int64"}}, "Leave types out"},
		"query":         {lister{}, "a\n1\n", Spec{Query: "SELECT 1"}, "sqlite source"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path, c.spec.Format = write(t, c.content), Parquet
			tab, err := Open(context.Background(), c.spec, &c.lister)
			if err == nil {
				for _, err = range tab.Batches(context.Background()) {
					if err != nil {
						break
					}
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
	if _, err := Open(context.Background(), Spec{Path: write(t, "a"), Format: Parquet}, nil); err == nil || !strings.Contains(err.Error(), "plugin tables") {
		t.Errorf("error %v", err)
	}
}

// TestDatabaseInUse has rows in a log beside the database, which its descriptor
// does not lead to.
func TestDatabaseInUse(t *testing.T) {
	for suffix, refused := range map[string]bool{"-wal": true, "-journal": true, "-shm": false} {
		path := write(t, "a\n1\n")
		if err := os.WriteFile(path+suffix, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(context.Background(), Spec{Path: path, Format: SQLite}, &lister{})
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "wal_checkpoint") {
			t.Errorf("%s: error %v", suffix, err)
		}
	}
}
