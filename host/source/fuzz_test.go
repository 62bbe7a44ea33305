// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// FuzzOpen reads any bytes as a file: an answer of type *Error, or a table
// whose second pass agrees with the first.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\n\"x\"\"\",\n", "\xef\xbb\xbfa\r\n\r\ntrue\r\n", "a,b\n1,\xff\n", "a\n\"\n", ",\n"} {
		f.Add([]byte(s), ",", uint8(0))
		f.Add([]byte(s+s), ",", uint8(6))
	}
	f.Fuzz(func(t *testing.T, content []byte, delimiter string, sample uint8) {
		spec := Spec{Path: write(t, string(content)), sample: int64(sample)}
		if delimiter != "" {
			spec.Delimiter = rune(delimiter[0])
		}
		readTwice(t, spec)
	})
}

// readTwice wants an answer of type *Error, or a table whose second pass agrees
// with the first.
func readTwice(t *testing.T, spec Spec) {
	t.Helper()
	tab, err := Open(context.Background(), spec, nil)
	var seen int64
	if err == nil {
		for batch, batchErr := range tab.Batches(context.Background()) {
			if err = batchErr; err != nil {
				break
			}
			if err := checkBounds(batch); err != nil {
				t.Fatal(err)
			}
			seen += batch.NumRows()
		}
	}
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok || tab != nil && tab.Exact() {
			t.Fatalf("error %v has type %T", err, err)
		}
		return
	}
	if tab.Exact() && seen != tab.Rows() {
		t.Fatalf("the passes see %d and %d rows", tab.Rows(), seen)
	}
}

// FuzzRecords compares the splitter with encoding/csv, which accepts the same
// dialect, on everything that the splitter accepts.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a,\"\"b\",c\r\n", "\"x\ny\",z", "a\"b\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.HasPrefix(content, []byte("\xef\xbb\xbf")) || bytes.Contains(content, []byte("\r")) {
			return // encoding/csv keeps the mark, and rewrites breaks in quotes
		}
		ours, err := allRecords(content)
		if err != nil {
			return
		}
		r := csv.NewReader(bytes.NewReader(content))
		r.FieldsPerRecord = -1
		theirs, err := r.ReadAll()
		if err != nil {
			t.Fatalf("encoding/csv refuses %q: %v", content, err)
		}
		if !slices.EqualFunc(ours, theirs, slices.Equal) {
			t.Fatalf("%q splits into %q, and by encoding/csv into %q", content, ours, theirs)
		}
	})
}

func allRecords(content []byte) ([][]string, error) {
	r := newRecords(newBlock(context.Background(), "x", bytes.NewReader(content)), ',')
	var out [][]string
	for {
		fields, err := r.read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(fields) == 0 {
			continue
		}
		var record []string
		for _, f := range fields {
			record = append(record, string(f))
		}
		out = append(out, record)
	}
}

// BenchmarkOpen measures the first pass over a table of numbers.
func BenchmarkOpen(b *testing.B) {
	content := "a,b,c,d,e,f,g,h\n" + strings.Repeat("17.989999999999998,10.38,122.8,1001,0.1184,0.27760000000000001,3,x\n", 50000)
	path := write(b, content)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, err := Open(context.Background(), Spec{Path: path}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBatches measures the passes after the first one.
func BenchmarkBatches(b *testing.B) {
	content := "a,b,c,d,e,f,g,h\n" + strings.Repeat("17.9899,10.38,122.8,1001,0.1184,0.2776,3,8\n", 500000)
	tab, err := Open(context.Background(), Spec{Path: write(b, content)}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range tab.Batches(context.Background()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
