// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/state/leaves"
)

// Node of a run: a source, a kernel or a sink.
type Node struct {
	Name string `json:"name"`
	// Kind is "source", "kernel", "ab" or "sink".
	Kind string `json:"kind"`
	// Use names the kernel, "data.prepare", or the format, "csv".
	Use string `json:"use,omitempty"`
	// Plugin that serves the kernel.
	Plugin string `json:"plugin,omitempty"`
	// Inputs are the nodes that it reads from.
	Inputs []string `json:"inputs,omitempty"`
	// Config is a JSON object with defaults filled in and secrets taken out.
	Config json.RawMessage `json:"config,omitempty"`
	Seed   uint64          `json:"seed,string,omitempty"`
	Status Status          `json:"status"`
	// Reason of a status other than ok, in one sentence.
	Reason    string    `json:"reason,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	// Wall covers all attempts; CPU and PeakRSSBytes are those of the process.
	Wall         time.Duration `json:"wall_ns"`
	CPU          time.Duration `json:"cpu_ns,omitempty"`
	PeakRSSBytes int64         `json:"peak_rss_bytes,omitempty"`
	// Rows read, written, dropped by the kernel, and put aside by a rule.
	RowsIn       int64 `json:"rows_in"`
	RowsOut      int64 `json:"rows_out"`
	RowsDropped  int64 `json:"rows_dropped"`
	RowsRejected int64 `json:"rows_rejected"`
	BytesIn      int64 `json:"bytes_in"`
	BytesOut     int64 `json:"bytes_out"`
	// Cache is "hit", "miss", or "" without a cache.
	Cache string `json:"cache,omitempty"`
	// Attempts made: 1 without retries, 0 when it did not start.
	Attempts int `json:"attempts"`
	// Errors of all attempts, in their order.
	Errors []string `json:"errors,omitempty"`
	// Calls by method.
	Calls []Latency `json:"calls"`
	// Metrics that the kernel reported; see Metrics.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// MetricsDropped counts those beyond MaxMetrics.
	MetricsDropped int `json:"metrics_dropped,omitempty"`
	// Verdict of a comparison, in words.
	Verdict []string `json:"verdict,omitempty"`
	// State and Output are digests: of what it learnt, and of the rows that it
	// wrote.
	State  string `json:"state,omitempty"`
	Output string `json:"output,omitempty"`
}

// MaxMetrics bounds the metrics of a node.
const MaxMetrics = 256

// Metrics takes the numbers out of a kernel's report, by their paths: "metrics.rmse"
// of {"metrics": {"rmse": 0.5}}. Numbers in lists are left out, and so is what is
// beyond MaxMetrics, in the order of the paths; dropped counts that.
func Metrics(report json.RawMessage) (metrics map[string]float64, dropped int) {
	metrics = map[string]float64{}
	if len(report) == 0 {
		return metrics, 0
	}
	for _, l := range leaves.Of(report) {
		v, ok := numberOf(l)
		switch {
		case !ok:
		case len(metrics) == MaxMetrics:
			dropped++
		default:
			metrics[l.Path] = v
		}
	}
	return metrics, dropped
}

// numberOf is the finite number of a leaf outside of lists.
func numberOf(l leaves.Leaf) (float64, bool) {
	if l.Value == "null" || l.Path == "" || inList(l.Path) {
		return 0, false
	}
	var v float64
	err := json.Unmarshal([]byte(l.Value), &v)
	return v, err == nil
}

// inList reports whether an index stands in a path; a key in brackets is quoted.
func inList(path string) bool {
	for i := range len(path) - 1 {
		if path[i] == '[' && path[i+1] >= '0' && path[i+1] <= '9' && !strings.Contains(path[:i], `["`) {
			return true
		}
	}
	return false
}
