// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/sink"
)

// fileSink is a file of package sink as the engine writes it.
type fileSink struct{ *sink.Sink }

func (f fileSink) Write(_ context.Context, b arrow.RecordBatch) error { return f.Sink.Write(b) }
func (f fileSink) Prepare(context.Context) error                      { return f.Sink.Prepare() }
func (f fileSink) Abort() error                                       { f.Sink.Abort(); return nil }
func (f fileSink) Commit() (Written, error) {
	w, err := f.Sink.Commit()
	return Written{Path: w.Path, Rows: w.Rows, Bytes: w.Bytes, SHA256: w.SHA256}, err
}

// sinkNode writes CSV.
func sinkNode(name, input, path string) Node {
	return Node{Name: name, Kind: KindSink, Inputs: []string{input}, Sink: &Sink{Path: path, Create: func(ctx context.Context, schema *arrow.Schema) (SinkWriter, error) {
		s, err := sink.Create(ctx, sink.Spec{Path: path}, schema, nil)
		return fileSink{s}, err
	}}}
}

// sunk is a pipeline with two sinks on one branch each.
func sunk(t testing.TB, dir string) []Node {
	t.Helper()
	return []Node{
		labRowsNode(t, 100), labNode("a", "add", "rows", labConfig{N: 1}), labNode("b", "twice", "a", labConfig{}),
		sinkNode("one", "a", filepath.Join(dir, "one.csv")), sinkNode("two", "b", filepath.Join(dir, "two.csv")),
	}
}

func TestSinks(t *testing.T) {
	dir := t.TempDir()
	result, err := labRun(t, &lab{}, Options{}, sunk(t, dir)...)
	if err != nil || len(result.Sinks) != 2 || result.Sinks[0].Node != "one" || result.Sinks[1].Rows != 200 || len(result.Sinks[0].SHA256) != 64 {
		t.Fatalf("sinks %+v, error %v", result.Sinks, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "two.csv"))
	if err != nil || !strings.HasPrefix(string(data), "x\n1\n1\n2\n2\n") || strings.Count(string(data), "\n") != 201 {
		t.Errorf("%d bytes, error %v", len(data), err)
	}
	if n := result.Node("two"); n.Status != OK || n.RowsIn != 200 || n.BytesIn == 0 || n.Attempts != 1 {
		t.Errorf("result %+v", n)
	}
}

// left lists the files of a directory, and their first bytes.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		version := "new"
		if bytes.Equal(data, []byte("old")) {
			version = "old"
		}
		out = append(out, e.Name()+" "+version)
	}
	return strings.Join(out, ", ")
}

func oldSinks(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"one.csv", "two.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// failing is a failpoint for some steps.
func failing(steps ...string) func(string) error {
	return func(step string) error {
		if slices.Contains(steps, step) {
			return errTest
		}
		return nil
	}
}

// TestSinksAreAllOrNone fails a run at each step.
func TestSinksAreAllOrNone(t *testing.T) {
	for _, step := range []string{"creating two", "preparing one", "preparing two", "committing one", "committing two"} {
		dir := oldSinks(t)
		o := Options{Together: promised(sink.OpenJournal(t.TempDir()), "run"), fail: failing(step)}
		result, err := labRun(t, &lab{}, o, sunk(t, dir)...)
		if !errors.Is(err, errTest) || result.Status != Failed || len(result.Sinks) > 0 || left(t, dir) != "one.csv old, two.csv old" {
			t.Errorf("%s: %s, status %s, error %v", step, left(t, dir), result.Status, err)
		}
		one, two := result.Node("one").Status, result.Node("two").Status
		if one == OK || two == OK || one != Failed && two != Failed {
			t.Errorf("%s: one is %s, two is %s", step, one, two)
		}
	}
}

// TestSinksThatCannotBePutBack are told: without a promise, or when it is not kept.
func TestSinksThatCannotBePutBack(t *testing.T) {
	for warnings, o := range []Options{
		{fail: failing("committing two")},
		{fail: failing("committing two", "putting the sinks back"), Together: promised(sink.OpenJournal(t.TempDir()), "run")},
	} {
		dir := oldSinks(t)
		result, err := labRun(t, &lab{}, o, sunk(t, dir)...)
		if !errors.Is(err, errTest) || !strings.Contains(err.Error(), "one.csv; the other files are what they were") || !strings.Contains(left(t, dir), "one.csv new, two.csv old") {
			t.Errorf("%s, error %v", left(t, dir), err)
		}
		if one := result.Node("one"); one.Status != OK || len(one.Problems) != warnings || result.Node("two").Status != Failed {
			t.Errorf("one is %s with %v, two is %s", one.Status, one.Problems, result.Node("two").Status)
		}
	}
}

// TestATargetThatCannotBeReplaced is found by the last rename: nothing is new.
func TestATargetThatCannotBeReplaced(t *testing.T) {
	dir := oldSinks(t)
	target := filepath.Join(dir, "two.csv")
	o := Options{Together: promised(sink.OpenJournal(t.TempDir()), "run"), fail: func(step string) error {
		if step != "preparing two" {
			return nil
		}
		return errors.Join(os.Remove(target), os.Mkdir(target, 0o700))
	}}
	result, err := labRun(t, &lab{}, o, sunk(t, dir)...)
	if err == nil || !strings.Contains(err.Error(), target) || !strings.Contains(err.Error(), "No sink of this run is in place") || result.Node("one").Status != Skipped {
		t.Errorf("one is %s, error %v", result.Node("one").Status, err)
	}
	if err := os.Remove(target); err != nil || left(t, dir) != "one.csv old" {
		t.Errorf("%s, %v", left(t, dir), err)
	}
}

// countedPromise counts its ends.
type countedPromise struct{ ended *int }

func (c countedPromise) End() error  { *c.ended++; return nil }
func (c countedPromise) Undo() error { return errTest }

// TestPromises: several sinks are promised together, one is not, and a promise that
// cannot be made is a warning.
func TestPromises(t *testing.T) {
	var asked, ended int
	o := Options{Together: func(w []SinkWriter) (Promise, error) {
		asked += len(w)
		return countedPromise{&ended}, nil
	}}
	if _, err := labRun(t, &lab{}, o, sunk(t, oldSinks(t))...); err != nil || asked != 2 || ended != 1 {
		t.Errorf("asked for %d, ended %d, error %v", asked, ended, err)
	}
	dir := t.TempDir()
	if _, err := labRun(t, &lab{}, o, labRowsNode(t, 10), sinkNode("one", "rows", filepath.Join(dir, "one.csv"))); err != nil || asked != 2 {
		t.Errorf("asked for %d, error %v", asked, err)
	}
	dir = oldSinks(t)
	o.Together = func([]SinkWriter) (Promise, error) { return nil, errTest }
	result, err := labRun(t, &lab{}, o, sunk(t, dir)...)
	if err != nil || left(t, dir) != "one.csv new, two.csv new" {
		t.Fatalf("%s, error %v", left(t, dir), err)
	}
	if p := result.Node("one").Problems; len(p) != 1 || p[0].Severity != SeverityWarning || !errors.Is(p[0].Err, errTest) {
		t.Errorf("problems %v", p)
	}
}

// TestFailedNodesLeaveSinksAlone: a failure anywhere, or in another branch whose
// policy is Continue.
func TestFailedNodesLeaveSinksAlone(t *testing.T) {
	for policy, want := range map[OnFailure]string{Stop: "one.csv old, two.csv old", Continue: "one.csv new, two.csv old"} {
		dir := oldSinks(t)
		nodes := sunk(t, dir)
		bad := labNode("b", "add", "a", labConfig{Fail: "lose"})
		bad.OnFailure = policy
		nodes[2] = bad
		result, err := labRun(t, &lab{}, Options{}, nodes...)
		if (err == nil) != (policy == Continue) || left(t, dir) != want || result.Node("two").Status == OK {
			t.Errorf("%s: %s, error %v", policy, left(t, dir), err)
		}
	}
}

func TestSinkThatCannotBeMade(t *testing.T) {
	_, err := labRun(t, &lab{}, Options{}, labRowsNode(t, 10), sinkNode("one", "rows", filepath.Join(t.TempDir(), "none", "one.csv")))
	if p, ok := errors.AsType[*Problem](err); !ok || p.Node != "one" {
		t.Errorf("error %v", err)
	}
	if _, ok := errors.AsType[*sink.Error](err); !ok {
		t.Errorf("error %T", err)
	}
}

// TestQuarantine puts rejected rows aside with all columns, also when a fit and
// a stream stand around.
func TestQuarantine(t *testing.T) {
	n := labNode("a", "add", "first", labConfig{N: 1000, Fail: "reject"})
	n.OnFailure = Quarantine
	o := Options{TempDir: t.TempDir(), MaxTableBytes: 2000}
	result, err := labRun(t, &lab{}, o, labRowsNode(t, 500), labNode("first", "twice", "rows", labConfig{}), n, labNode("next", "twice", "a", labConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	if a := result.Node("a"); a.RowsIn != 1000 || a.RowsOut != 800 || a.RowsRejected != 200 || len(a.Rejected) != MaxRejectedListed || a.Rejected[2].Row != 10 {
		t.Errorf("result %+v", a)
	}
	if next := result.Node("next"); next.RowsIn != 800 || next.Status != OK {
		t.Errorf("result %+v", next)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := result.Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a.rejected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 200 || lines[199] != `{"row":991,"rule":"range","column":"x","detail":"495","values":{"x":495}}` {
		t.Errorf("%d lines, the last one %s", len(lines), lines[len(lines)-1])
	}
	result.Close()
	if entries, _ := os.ReadDir(o.TempDir); len(entries) > 0 {
		t.Errorf("%v is left behind", entries)
	}
}

func TestRejectedRowsAreListed(t *testing.T) {
	result, err := labRun(t, &lab{}, Options{}, labRowsNode(t, 5000), labNode("a", "add", "rows", labConfig{Fail: "reject"}))
	a := result.Node("a")
	if err == nil || a.RowsRejected != 1000 || len(a.Rejected) != MaxRejectedListed || a.Rejected[99].Row != 495 || !strings.Contains(err.Error(), "and 995 more") {
		t.Errorf("%d rejected, %d listed, error %v", a.RowsRejected, len(a.Rejected), err)
	}
	r := rejects{aside: true}
	if err := r.add(a.Rejected); err != nil {
		t.Error(err)
	}
	for range MaxQuarantined/MaxRejectedListed + 1 {
		err = r.add(a.Rejected)
	}
	if _, ok := errors.AsType[*LimitError](err); !ok {
		t.Errorf("error %v", err)
	}
}

func TestValuesOfQuarantinedRows(t *testing.T) {
	table := resultOf("x").Nodes[1].Table()
	var lines []string
	for batch := range table.Batches(context.Background()) {
		for row := range int(batch.NumRows()) {
			text, err := json.Marshal(values(batch, row))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(text))
		}
	}
	want := []string{`{"i":-7,"f":0.1,"b":true,"s":"x, \"x\"\ny"}`, `{"i":-7,"f":1e+300,"b":true,"s":"x, \"x\"\ny"}`, `{"i":-7,"f":"NaN","b":true,"s":"x, \"x\"\ny"}`, `{"i":null,"f":null,"b":null,"s":null}`}
	if got := fmt.Sprint(lines); got != fmt.Sprint(want) {
		t.Errorf("values %s", got)
	}
}
