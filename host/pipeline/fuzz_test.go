// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// FuzzSave saves values and reads them back through package source.
func FuzzSave(f *testing.F) {
	f.Add("text", 1.5, int64(3), true)
	f.Add("a,\"b\"\nc", math.Inf(-1), int64(math.MinInt64), false)
	f.Add(" x ", 5e-324, int64(0), true)
	f.Fuzz(func(t *testing.T, s string, x float64, i int64, b bool) {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r") || math.IsNaN(x) {
			return // no text, a break that readers rewrite, and a null
		}
		path := savedRow(t, s, x, i, b)
		tab, err := source.Open(context.Background(), source.Spec{Path: path, Nulls: []string{},
			Types: map[string]string{"s": "string", "x": "float64", "i": "int64", "b": "bool"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for batch, err := range tab.Batches(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			gotS, gotX := batch.Column(0).(*array.String).Value(0), batch.Column(1).(*array.Float64).Value(0)
			gotI, gotB := batch.Column(2).(*array.Int64).Value(0), batch.Column(3).(*array.Boolean).Value(0)
			if gotS != s || math.Float64bits(gotX) != math.Float64bits(x) || gotI != i || gotB != b {
				t.Errorf("%q %v %d %t comes back as %q %v %d %t", s, x, i, b, gotS, gotX, gotI, gotB)
			}
		}
	})
}

// savedRow saves a table of one row and returns the path of its file.
func savedRow(t *testing.T, s string, x float64, i int64, b bool) string {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "s", Type: arrow.BinaryTypes.String}, {Name: "x", Type: arrow.PrimitiveTypes.Float64},
		{Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.FixedWidthTypes.Boolean},
	}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	builder.Field(0).(*array.StringBuilder).Append(s)
	builder.Field(1).(*array.Float64Builder).Append(x)
	builder.Field(2).(*array.Int64Builder).Append(i)
	builder.Field(3).(*array.BooleanBuilder).Append(b)
	n := &NodeResult{Name: "a", table: tableOf(builder.NewRecordBatch())}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := (&Result{Nodes: []*NodeResult{n}}).Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "a.csv")
}
