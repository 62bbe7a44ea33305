// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/json"
	"time"
)

// Statuses of runs and nodes. A run can also be StatusRefused, by its preflight,
// and a node StatusSkipped or StatusPending.
const (
	StatusOK        = "ok"
	StatusFailed    = "failed"
	StatusCancelled = "cancelled"
	StatusTimedOut  = "timed-out"
	StatusRefused   = "refused"
	StatusSkipped   = "skipped"
	StatusPending   = "pending"
)

// Report is the result of a run, as `bulkhead run --json` prints it.
type Report struct {
	SchemaVersion string `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	// RunID names the run for `bulkhead runs` and `bulkhead rerun`.
	RunID    string `json:"run_id"`
	Pipeline string `json:"pipeline"`
	// Status is one of the constants above.
	Status     string    `json:"status"`
	StartedAt  time.Time `json:"started_at"`
	DurationMS float64   `json:"duration_ms"`
	// Preflight is the diagnosis that the pipeline began with, in its short form;
	// nil when it has none.
	Preflight json.RawMessage `json:"preflight,omitempty"`
	// Nodes stand in topological order.
	Nodes []NodeResult `json:"nodes"`
	// Sinks are the files that were put in place.
	Sinks []Written `json:"sinks,omitempty"`
	// Undone are the side effects that were taken back, or could not be.
	Undone []Undone `json:"undone,omitempty"`
	// PeakTableBytes is the most that tables between the nodes took in memory.
	PeakTableBytes int64           `json:"peak_table_bytes,omitempty"`
	Plugins        json.RawMessage `json:"plugins,omitempty"`
	Diagnostics    []Diagnostic    `json:"diagnostics"`
	// Error says why the run failed; nil when it is ok.
	Error *Problem `json:"error,omitempty"`
}

// Node finds the result of a node by its name: "kernel.clean", or "clean".
func (r *Report) Node(name string) (*NodeResult, bool) {
	for _, full := range fullNames(name) {
		for i := range r.Nodes {
			if r.Nodes[i].Name == full {
				return &r.Nodes[i], true
			}
		}
	}
	return nil, false
}

// fullNames are what a name may stand for, the first that exists counts.
func fullNames(name string) []string {
	return []string{name, kernelBlock + "." + name, abBlock + "." + name, sourceBlock + "." + name, sinkBlock + "." + name}
}

// Tool is who wrote a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// NodeResult is what became of one node.
type NodeResult struct {
	// Name is "kernel.clean", "source.rows" or "sink.out".
	Name string `json:"name"`
	// Use is "data.prepare", or the format of a source or a sink.
	Use string `json:"use"`
	// Status is one of the constants, Reason why it is not ok.
	Status string  `json:"status"`
	Reason string  `json:"reason,omitempty"`
	WallMS float64 `json:"wall_ms"`
	// RowsIn is RowsOut + RowsDropped + RowsRejected of a kernel that keeps rows.
	RowsIn       int64 `json:"rows_in"`
	RowsOut      int64 `json:"rows_out"`
	RowsDropped  int64 `json:"rows_dropped"`
	RowsRejected int64 `json:"rows_rejected,omitempty"`
	BytesIn      int64 `json:"bytes_in"`
	BytesOut     int64 `json:"bytes_out"`
	// CPUMS and PeakRSSBytes are zero when they were not measured.
	CPUMS        float64 `json:"cpu_ms,omitempty"`
	PeakRSSBytes uint64  `json:"peak_rss_bytes,omitempty"`
	// Cache is "hit" or "miss"; empty when the node is not cached.
	Cache    string `json:"cache,omitempty"`
	Attempts int    `json:"attempts"`
	// State is there when the kernel was fitted.
	State *State `json:"state,omitempty"`
	// Report is what the kernel said, under its documented keys.
	Report      json.RawMessage `json:"report,omitempty"`
	Diagnostics []Diagnostic    `json:"diagnostics"`
}

// State is the fitted state of a kernel.
type State struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Written is a file that a run wrote.
type Written struct {
	Node   string `json:"node"`
	Path   string `json:"path"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Replaced counts values that the format does not have, such as NaN in JSON, and
	// that became null.
	Replaced int64 `json:"replaced,omitempty"`
}

// Undone is a side effect of a node that was to be taken back; Problem says why
// it could not be, and is empty when it was.
type Undone struct {
	Node    string `json:"node"`
	Problem string `json:"problem,omitempty"`
}

// Problem says what went wrong, why and what to do next.
type Problem struct {
	Summary     string       `json:"summary"`
	Detail      string       `json:"detail,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Failure is what the host says when there is no report, for example of a
// configuration that is wrong.
type Failure struct {
	SchemaVersion string  `json:"schema_version"`
	Tool          Tool    `json:"tool"`
	Error         Problem `json:"error"`
	ExitCode      int     `json:"exit_code"`
}

// Diagnostic is one message about a configuration or from a plugin.
type Diagnostic struct {
	// Severity is "error", "warning" or "info".
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Plugin   string `json:"plugin,omitempty"`
	// Path points into the settings of the plugin.
	Path []string `json:"path,omitempty"`
	// Range points into the file of the user; nil when it is about none.
	Range *Range `json:"range,omitempty"`
}

// Range is a stretch of a file; lines and columns count from 1.
type Range struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// Pos is a place in a file. Line and Column count from 1, Byte from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}
