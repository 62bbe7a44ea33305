// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"time"
)

// Run is the result of running a pipeline.
type Run struct {
	SchemaVersion string `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	// RunID names this run in the audit log: 16 hexadecimal digits.
	RunID    string `json:"run_id"`
	Pipeline string `json:"pipeline"`
	// Status is "ok", "failed", "refused" (by the preflight), "cancelled" or
	// "timed-out".
	Status     string    `json:"status"`
	StartedAt  time.Time `json:"started_at"`
	DurationMS float64   `json:"duration_ms"`
	// Preflight is there when the pipeline has one.
	Preflight *Preflight `json:"preflight,omitempty"`
	// Nodes stand in topological order.
	Nodes []Node `json:"nodes"`
	// Sinks are the files that were put in place.
	Sinks []Sink `json:"sinks,omitempty"`
	// Undone are the side effects that were taken back, or could not be.
	Undone []Undone `json:"undone,omitempty"`
	// PeakTableBytes is the most that tables between the nodes took in memory.
	PeakTableBytes int64        `json:"peak_table_bytes,omitempty"`
	Plugins        []Plugin     `json:"plugins"`
	Diagnostics    []Diagnostic `json:"diagnostics"`
	// Error says why a run failed; absent when it is ok.
	Error *ErrorInfo `json:"error,omitempty"`
}

// Statuses of runs and nodes. A node can also be pending, and Skipped.
const (
	RunOK        = "ok"
	RunFailed    = "failed"
	RunRefused   = "refused"
	RunCancelled = "cancelled"
	RunTimedOut  = "timed-out"
	NodePending  = "pending"
)

// Preflight is the short form of the diagnosis that a pipeline began with.
type Preflight struct {
	Suite      string      `json:"suite"`
	Summary    Summary     `json:"summary"`
	Areas      []Area      `json:"areas"`
	RootCauses []RootCause `json:"root_causes"`
}

// Short returns the preflight form of a diagnosis.
func (d Doctor) Short(suite string) *Preflight {
	return &Preflight{Suite: suite, Summary: d.Summary, Areas: list(d.Areas), RootCauses: list(d.RootCauses)}
}

// Node is one source or kernel of a pipeline.
type Node struct {
	// Name in the pipeline: "kernel.clean", "source.rows".
	Name string `json:"name"`
	// Use names the kernel: "data.prepare", or the kind of source: "csv".
	Use string `json:"use"`
	// Status is "ok", "failed", "skipped", "cancelled", "timed-out" or
	// "pending".
	Status string `json:"status"`
	// Reason says why it is not ok.
	Reason      string  `json:"reason,omitempty"`
	WallMS      float64 `json:"wall_ms"`
	RowsIn      int64   `json:"rows_in"`
	RowsOut     int64   `json:"rows_out"`
	RowsDropped int64   `json:"rows_dropped"`
	// RowsRejected broke a rule and were put aside.
	RowsRejected int64 `json:"rows_rejected,omitempty"`
	BytesIn      int64 `json:"bytes_in"`
	BytesOut     int64 `json:"bytes_out"`
	// CPUMS is the processor time of the plugin's process during the calls, and
	// PeakRSSBytes the largest memory of its life; absent when not measured.
	CPUMS        float64 `json:"cpu_ms,omitempty"`
	PeakRSSBytes uint64  `json:"peak_rss_bytes,omitempty"`
	// Cache is "hit" or "miss"; absent when the node is not cached.
	Cache string `json:"cache,omitempty"`
	// Attempts counts the calls, the retries among them.
	Attempts int `json:"attempts"`
	// State is there when the kernel was fitted.
	State *State `json:"state,omitempty"`
	// Report is what the kernel said, under its documented keys.
	Report      Raw          `json:"report,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Sink is a file that a run wrote.
type Sink struct {
	Node   string `json:"node"`
	Path   string `json:"path"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Replaced counts values that the format does not have, such as NaN in JSON, and
	// that became null.
	Replaced int64 `json:"replaced,omitempty"`
}

// Undone is a side effect of a node that was to be taken back.
type Undone struct {
	Node string `json:"node"`
	// Problem says why it could not be; absent when it was.
	Problem string `json:"problem,omitempty"`
}

// State is the fitted state of a kernel.
type State struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ErrorInfo says what went wrong, why and what to do next.
type ErrorInfo struct {
	Summary     string       `json:"summary"`
	Detail      string       `json:"detail,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Failure is what a command prints as JSON when it fails before it has a
// result.
type Failure struct {
	SchemaVersion string    `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	Error         ErrorInfo `json:"error"`
	// ExitCode is the exit code of the process.
	ExitCode int `json:"exit_code"`
}

// Raw is JSON from a plugin. What is not JSON is written as a JSON string, so
// that no plugin can break the document around it.
type Raw json.RawMessage

// MarshalJSON writes r as it is when it is JSON.
func (r Raw) MarshalJSON() ([]byte, error) {
	if json.Valid(r) {
		return r, nil
	}
	return json.Marshal(string(r))
}

// UnmarshalJSON keeps a copy of data.
func (r *Raw) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}
