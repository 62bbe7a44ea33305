// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// FuzzGraph puts any text where users and plugins put theirs, and checks that
// it stays inside its label.
func FuzzGraph(f *testing.F) {
	for _, s := range []string{"plain", `a"b\`, "]-->x", "#quot;", "\x1b[2J\n", "<script>", "日本", "\xff", "end\nn9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plan, problems := link(Pipeline{Name: text, Nodes: []Node{
			{Name: "rows", Kind: KindSource, Source: &source.Spec{Path: text}}, step("a", "drop", "rows"),
		}})
		if plan == nil {
			t.Fatal(problems)
		}
		result := &Result{Nodes: []*NodeResult{{Name: "rows", Status: OK}, {Name: "a", Status: Skipped, Reason: text}}}
		for _, format := range []Format{Mermaid, DOT, Terminal} {
			got, err := Graph(plan, result, format)
			if err != nil {
				t.Fatal(err)
			}
			checkDrawing(t, format, got)
		}
	})
}

// checkDrawing counts lines and quotes: neither depends on the text.
func checkDrawing(t *testing.T, format Format, got string) {
	t.Helper()
	lines := strings.Count(got, "\n")
	bare := strings.NewReplacer(`\\`, "", `\"`, "").Replace(got)
	switch {
	case strings.ContainsFunc(strings.ReplaceAll(got, "\n", ""), unicode.IsControl):
		t.Errorf("%s has control characters: %q", format, got)
	case format == Mermaid && (lines != 8 || strings.Count(got, `"`) != 4):
		t.Errorf("mermaid has %d lines:\n%s", lines, got)
	case format == DOT && (lines != 7 || strings.Count(bare, `"`)%2 != 0):
		t.Errorf("dot has %d lines:\n%s", lines, got)
	}
	for line := range strings.Lines(got) {
		if n := columns(strings.TrimSuffix(line, "\n")); format == Terminal && n > terminalWidth {
			t.Errorf("a line takes %d columns: %q", n, line)
		}
	}
}

// FuzzWriteCSV writes values and reads them back through package source.
func FuzzWriteCSV(f *testing.F) {
	f.Add("text", 1.5, int64(3), true)
	f.Add("a,\"b\"\nc", math.Inf(-1), int64(math.MinInt64), false)
	f.Add(" x ", 5e-324, int64(0), true)
	f.Fuzz(func(t *testing.T, s string, x float64, i int64, b bool) {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r") || math.IsNaN(x) {
			return // no text, a break that readers rewrite, and a null
		}
		path := filepath.Join(t.TempDir(), "x.csv")
		if err := os.WriteFile(path, csvRow(t, s, x, i, b), 0o600); err != nil {
			t.Fatal(err)
		}
		tab, err := source.Open(context.Background(), source.Spec{Path: path, Nulls: []string{},
			Types: map[string]string{"s": "string", "x": "float64", "i": "int64", "b": "bool"}})
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

// csvRow writes a table of one row.
func csvRow(t *testing.T, s string, x float64, i int64, b bool) []byte {
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
	m := &memoryTable{ledger: &ledger{max: 1 << 30}}
	if err := m.add(builder.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteCSV(context.Background(), &out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
