// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// lineageOf reads events from JSON lines.
func lineageOf(t *testing.T, data []byte) (out []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(data) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("not JSON: %v", err)
		}
		out = append(out, e)
	}
	return out
}

// at walks into an event.
func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// checkEvent wants what the schema of OpenLineage 2-0-2 requires, of the event
// and of all its facets.
func checkEvent(t *testing.T, e map[string]any) {
	t.Helper()
	if _, err := time.Parse(time.RFC3339, at(e, "eventTime").(string)); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"producer", "schemaURL"} {
		if u, err := url.Parse(at(e, key).(string)); err != nil || u.Scheme != "https" {
			t.Errorf("%s is %v", key, e[key])
		}
	}
	if !isUUID(at(e, "run", "runId").(string)) || at(e, "job", "namespace") == "" || at(e, "job", "name") == "" {
		t.Errorf("run %v, job %v", e["run"], e["job"])
	}
	checkFacets(t, at(e, "run", "facets"))
	checkFacets(t, at(e, "job", "facets"))
	for _, side := range []string{"inputs", "outputs"} {
		for _, d := range e[side].([]any) {
			if at(d, "namespace") == "" || at(d, "name") == "" {
				t.Errorf("dataset %v", d)
			}
			checkFacets(t, at(d, "facets"))
			checkFacets(t, at(d, "outputFacets"))
		}
	}
}

func checkFacets(t *testing.T, v any) {
	t.Helper()
	all, _ := v.(map[string]any)
	for name, f := range all {
		schema, _ := at(f, "_schemaURL").(string)
		if at(f, "_producer") != lineageProducer || !strings.HasPrefix(schema, "https://openlineage.io/spec/facets/") || !strings.Contains(schema, ".json#/$defs/") {
			t.Errorf("facet %s: %v", name, f)
		}
	}
}

func someDatasets() (in, out Dataset) {
	in, out = FileDataset("data/rows.csv"), URLDataset("https://user:secret@host:8443/a/b.parquet?key=secret#x")
	in.Columns, in.Digest = []Column{{"age", "int64"}, {"name", "utf8"}}, "sha256:abc"
	out.Rows, out.Bytes, out.Digest = 90, 1234, "sha256:def"
	return in, out
}

func TestLineageFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lineage.jsonl")
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tm, log := opened(t, Config{Lineage: path, Namespace: "team", Version: "1.2.3", Limits: quick()})
	in, out := someDatasets()
	run := tm.Start(RunStart{ID: "20261122-1", Pipeline: "churn", Inputs: []Dataset{in}})
	run.Ended(RunEnd{Status: "ok", Outputs: []Dataset{out}})
	if s := tm.Close(t.Context()); s.Lineage != (Counts{Delivered: 2}) {
		t.Fatalf("%s\n%s", s, log)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	events := lineageOf(t, data)[1:]
	if len(events) != 2 || events[0]["eventType"] != "START" || events[1]["eventType"] != "COMPLETE" || at(events[0], "run", "runId") != at(events[1], "run", "runId") {
		t.Fatalf("events %s", data)
	}
	for _, e := range events {
		checkEvent(t, e)
	}
	read := events[1]["inputs"].([]any)[0]
	if at(read, "namespace") != "file" || !strings.HasSuffix(at(read, "name").(string), "/data/rows.csv") || at(read, "facets", "version", "datasetVersion") != "sha256:abc" {
		t.Errorf("input %v", read)
	}
	if fields := at(read, "facets", "schema", "fields").([]any); len(fields) != 2 || at(fields[1], "name") != "name" || at(fields[1], "type") != "utf8" {
		t.Errorf("schema %v", fields)
	}
	written := events[1]["outputs"].([]any)[0]
	if at(written, "namespace") != "https://host:8443" || at(written, "name") != "a/b.parquet" || at(written, "outputFacets", "outputStatistics", "rowCount") != 90.0 {
		t.Errorf("output %v", written)
	}
	if bytes.Contains(data, []byte("secret")) {
		t.Error("the secrets of an address are in an event")
	}
}

func TestLineageOfFailures(t *testing.T) {
	for status, want := range map[string]string{"ok": "COMPLETE", "partial": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT", "timed out": "FAIL"} {
		path := filepath.Join(t.TempDir(), "lineage.jsonl")
		tm, _ := opened(t, Config{Lineage: path, Limits: quick()})
		tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: status})
		tm.Close(t.Context())
		data, _ := os.ReadFile(path)
		events := lineageOf(t, data)
		if len(events) != 2 || events[1]["eventType"] != want {
			t.Fatalf("%s: %s", status, data)
		}
		checkEvent(t, events[1])
		if message := at(events[1], "run", "facets", "errorMessage", "message"); (message != nil) != (want == "FAIL") {
			t.Errorf("%s: the message is %v", status, message)
		}
	}
}

// TestLineageURL: events arrive in order, one a request, also when the receiver
// fails at first.
func TestLineageURL(t *testing.T) {
	var kinds []string
	c := newCollector(t)
	c.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if c.requests == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		body, _ := io.ReadAll(r.Body)
		var e map[string]any
		if r.URL.Path != "/api/v1/lineage" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &e) != nil {
			t.Errorf("%s %s: %s", r.URL.Path, r.Header.Get("Content-Type"), body)
		}
		kinds = append(kinds, e["eventType"].(string))
		w.WriteHeader(http.StatusCreated)
		return true
	}
	tm, _ := opened(t, Config{Lineage: c.URL, Limits: quick()})
	tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
	if s := tm.Close(t.Context()); s.Lineage.Delivered != 2 || strings.Join(kinds, " ") != "START COMPLETE" {
		t.Errorf("%s, %v", s, kinds)
	}
}

func TestRunUUID(t *testing.T) {
	const is = "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
	if runUUID(is) != is {
		t.Error("a UUID is not kept")
	}
	for _, not := range []string{"", is[:35], is + "0", strings.ToUpper(is), strings.Replace(is, "-", "0", 1), "é" + is[2:]} {
		if isUUID(not) {
			t.Errorf("%q is taken for a UUID", not)
		}
	}
	a, b := runUUID("run 1"), runUUID("run 2")
	if a == b || a != runUUID("run 1") || !isUUID(a) || a[14] != '5' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("%s and %s", a, b)
	}
}

func TestDatasetNames(t *testing.T) {
	for in, want := range map[string][2]string{
		"https://user:pw@host/a/b.csv?sig=x": {"https://host", "a/b.csv"}, "http://host:81": {"http://host:81", ""}, "not a url": {"url", "unreadable address"}, "http://[": {"url", "unreadable address"},
	} {
		if d := URLDataset(in); d.Namespace != want[0] || d.Name != want[1] || d.Rows != -1 || d.Bytes != -1 {
			t.Errorf("%s: %+v", in, d)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if d := FileDataset("x/../y.csv"); d.Namespace != "file" || d.Name != filepath.ToSlash(filepath.Join(here, "y.csv")) {
		t.Errorf("%+v", d)
	}
}

// TestLineageOfInputs: the inputs of the start are those of the end, unless the
// end knows better.
func TestLineageOfInputs(t *testing.T) {
	a, b := FileDataset("a"), FileDataset("b")
	for want, end := range map[string]RunEnd{"a": {Status: "ok"}, "b": {Status: "ok", Inputs: []Dataset{b}}} {
		path := filepath.Join(t.TempDir(), "lineage.jsonl")
		tm, _ := opened(t, Config{Lineage: path, Limits: quick()})
		tm.Start(RunStart{Pipeline: "p", Inputs: []Dataset{a}}).Ended(end)
		tm.Close(t.Context())
		data, _ := os.ReadFile(path)
		inputs := lineageOf(t, data)[1]["inputs"].([]any)
		if len(inputs) != 1 || !strings.HasSuffix(at(inputs[0], "name").(string), "/"+want) {
			t.Errorf("inputs %v, want %s", inputs, want)
		}
	}
}

// TestLineageIsForItsOwnerOnly: names of files may tell more than one thinks.
func TestLineageIsForItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	path := filepath.Join(t.TempDir(), "lineage.jsonl")
	tm, _ := opened(t, Config{Lineage: path, Limits: quick()})
	tm.Close(t.Context())
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestLostLineageIsCounted: a disk that takes no more does not stop a run.
func TestLostLineageIsCounted(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	tm, log := opened(t, Config{Lineage: "/dev/full", Limits: quick()})
	tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
	if s := tm.Close(t.Context()); s.Lineage != (Counts{Dropped: 2}) || strings.Count(log.String(), "lineage events were not delivered to /dev/full") != 1 {
		t.Errorf("%s\n%s", s, log)
	}
}
