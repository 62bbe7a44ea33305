// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// tableOf is a kept table of batches.
func tableOf(batches ...arrow.RecordBatch) Table {
	k := edge.NewKept(edge.NewLedger(1<<30, 0), nil)
	k.Declare(batches[0].Schema())
	for _, b := range batches {
		_ = k.Put(context.Background(), b) // there is room
	}
	k.Seal(nil)
	return keptTable{k}
}

// csvFile makes a file with columns x, y and a text.
func csvFile(t testing.TB, rows int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("x,y,s\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d.5,%d,\"a,%d\"\n", i, i%2, i)
	}
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// csvSource is a source with a column x of numbers from 0.
func csvSource(t testing.TB, name string, rows int) Node {
	t.Helper()
	var b strings.Builder
	b.WriteString("x\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d\n", i)
	}
	path := filepath.Join(t.TempDir(), name+".csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return labRowsSource(name, path)
}

// labRowsSource reads a file that csvSource has made.
func labRowsSource(name, path string) Node {
	return Node{Name: name, Kind: KindSource, Source: &source.Spec{Path: path, Types: map[string]string{"x": "int64"}}}
}

func rowsNode(t testing.TB, rows int) Node {
	return Node{Name: "rows", Kind: KindSource, Source: &source.Spec{Path: csvFile(t, rows), Target: "y"}}
}
