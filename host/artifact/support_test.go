// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// named are ingredients by which a test tells an artifact.
func named(name string) []Ingredient {
	return []Ingredient{{"kernel", "sha256:1"}, {"input", name}}
}

func keyOf(name string) Key { return KeyOf(named(name)) }

var schema = arrow.NewSchema([]arrow.Field{
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

// batchOf are rows that tell the name.
func batchOf(name string, rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append(name)
	}
	return b.NewRecordBatch()
}

func stateOf(name string) []byte { return bytes.Repeat([]byte(name), 100) }

// make puts an artifact into the store that tells its name everywhere.
func put(s *Store, name string, rows int) error {
	d, err := s.Create(keyOf(name))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.State(stateOf(name)); err != nil {
		return err
	}
	w, err := d.Table(schema)
	if err != nil {
		return err
	}
	for range 2 {
		if err := w.Append(batchOf(name, rows)); err != nil {
			return err
		}
	}
	outcome, err := json.Marshal(name)
	if err != nil {
		return err
	}
	return d.Commit(Info{Pipeline: "p", Node: "n", Use: "data.prepare", Ingredients: named(name), Outcome: outcome})
}

// check reads all of an artifact and compares it with its name. It is ErrMissing
// when the artifact is not there.
func check(s *Store, name string) error {
	a, err := s.Get(keyOf(name))
	if err != nil {
		return err
	}
	defer a.Close()
	state, err := a.State()
	if err != nil {
		return err
	}
	if !bytes.Equal(state, stateOf(name)) || string(a.Info().Outcome) != fmt.Sprintf("%q", name) {
		return fmt.Errorf("state %q, outcome %s", state, a.Info().Outcome)
	}
	table, err := a.Table()
	if err != nil {
		return err
	}
	rows := int64(0)
	for batch, err := range table.Batches(context.Background()) {
		if err != nil {
			return err
		}
		rows += batch.NumRows()
		if want := batchOf(name, int(batch.NumRows())); !array.RecordEqual(batch, want) {
			return errors.New("other rows")
		}
	}
	if rows != a.Info().Rows || rows != table.Summary().Rows {
		return fmt.Errorf("%d rows of %d", rows, a.Info().Rows)
	}
	return nil
}

// filesIn lists all files of a store but its lock.
func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	must(t, err)
	slices.Sort(out)
	return out
}

// wantFiles wants n artifacts with a state and a table each, and nothing else.
func wantFiles(t testing.TB, dir string, n int) {
	t.Helper()
	if got := filesIn(t, dir); len(got) != 3*n {
		t.Errorf("%d files for %d artifacts: %v", len(got), n, got)
	}
}

// spoil changes a file.
func spoil(t testing.TB, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, change(data), 0o600))
}
