// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

var update = flag.Bool("update", false, "write testdata/everything.table anew")

const vector = "testdata/everything.table"

// vectorBatches are in the published file.
func vectorBatches() []arrow.RecordBatch {
	return []arrow.RecordBatch{rowsOf(0, 20), rowsOf(20, 0), rowsOf(20, 3)}
}

// TestVector reads a file of another day, and writes the same bytes again.
func TestVector(t *testing.T) {
	f, s := written(t, everything, vectorBatches()...)
	now, err := os.ReadFile(f.Name())
	must(t, err)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(vector, now, 0o644))
	}
	then, err := os.ReadFile(vector)
	must(t, err)
	if !bytes.Equal(now, then) {
		t.Errorf("%d bytes are written that differ from the %d published ones: the format has changed, and needs another version", len(now), len(then))
	}
	published, err := os.Open(vector)
	must(t, err)
	defer published.Close()
	r, err := Open(published)
	must(t, err)
	wantBatches(t, r, vectorBatches())
	if r.Summary() != s || !r.Schema().Equal(everything) {
		t.Errorf("summary %+v, want %+v", r.Summary(), s)
	}
}

// TestTheDescription has a stranger read the file, who knows nothing but the
// package doc.
func TestTheDescription(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	cmd := exec.Command(python, "testdata/read.py", vector)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(t, err)
	var got struct {
		Rows    int64
		Batches int
		Digest  string
		Columns map[string][]any
	}
	must(t, json.Unmarshal(out, &got))
	_, s := written(t, everything, vectorBatches()...)
	if got.Rows != s.Rows || got.Batches != s.Batches || got.Digest != s.Digest {
		t.Errorf("it reads %+v, want %+v", got, s)
	}
	for name, want := range map[string][]any{
		"i64": {0.0, 1.0, nil}, "bool": {false, true, false}, "utf8": {"text 0", "text 1", "text 2"}, "binary": {"00ff", "01ff", nil},
		"dict": {"word 0", "word 1", "word 2"}, "list": {[]any{}, []any{"gęś 0"}, []any{"gęś 0", "gęś 1"}}, "array": {[]any{0.0, 1.0, 2.0}, []any{1.0, 2.0, 3.0}, nil},
	} {
		if !reflect.DeepEqual(got.Columns[name], want) {
			t.Errorf("column %s is %v, want %v", name, got.Columns[name], want)
		}
	}
}
