// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func sha(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

func newStore(t testing.TB) *Store { return Open(filepath.Join(t.TempDir(), "runs"), Options{}) }

// full is a record with a value in every field.
func full() Record {
	return Record{
		SchemaVersion: SchemaVersion, ID: "0123456789abcdef", Pipeline: "churn", Status: Partial, Reason: "1 node failed",
		StartedAt: noon, EndedAt: noon.Add(2 * time.Second), Wall: 2 * time.Second, RerunOf: "fedcba9876543210",
		Host:      Host{Version: "0.3.0", Commit: "abc", Name: "box", OS: "linux", Arch: "amd64", PID: 7},
		Files:     []File{{Path: "bulkhead.hcl", SHA256: sha("1")}},
		Variables: map[string]json.RawMessage{"rows": json.RawMessage(`{"limit":5}`)},
		Settings:  json.RawMessage(`{"on_failure":"stop"}`),
		Plugins:   []Plugin{{Name: "data", Version: "0.3.0", SHA256: sha("2"), Level: "full", Grants: []string{"read /data"}}, {Name: "algorithms", Version: "0.3.0"}},
		Sources:   []Source{{Node: "rows", Path: "churn.csv", SHA256: sha("3"), Rows: 569, Bytes: 12000}},
		Sinks:     []Sink{{Node: "out", Path: "out.parquet", SHA256: sha("4"), Rows: 560, Bytes: 9000}},
		Nodes: []Node{
			{Name: "rows", Kind: "source", Use: "csv", Status: OK, RowsOut: 569, Attempts: 1, Output: sha("3"), Calls: []Latency{}},
			{Name: "clean", Kind: "kernel", Use: "data.prepare", Plugin: "data", Inputs: []string{"rows"}, Config: json.RawMessage(`{"quality":0.8,"scale":{"kind":"robust"}}`),
				Seed: 1<<64 - 1, Status: OK, StartedAt: noon, Wall: time.Second, CPU: time.Millisecond, PeakRSSBytes: 1 << 20,
				RowsIn: 569, RowsOut: 560, RowsDropped: 8, RowsRejected: 1, BytesIn: 12000, BytesOut: 9000, Cache: "miss", Attempts: 2, Errors: []string{"lost: killed"},
				Calls:   []Latency{{Method: "transform", Count: 3, Errors: 1, P50: 10, P95: 20, P99: 20, Max: 20, Total: 40, Sampled: true}},
				Metrics: map[string]float64{"quality_score": 0.9}, MetricsDropped: 1, State: sha("5"), Output: sha("6")},
			{Name: "model", Kind: "kernel", Use: "algorithms.auto", Plugin: "algorithms", Inputs: []string{"clean"}, Status: Failed, Reason: "it failed", Attempts: 1, Calls: []Latency{}},
		},
		PeakTableBytes: 1 << 20, LostLines: 1,
	}
}

// ended is a run of the store that is over.
func ended(t testing.TB, s *Store, r Record, status Status) string {
	t.Helper()
	run, err := s.Begin(r)
	must(t, err)
	must(t, run.End(status, ""))
	return run.ID()
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
