// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// Status of a run and of a node.
type Status string

// Statuses. A run is Partial when nodes failed whose policy is Continue.
const (
	OK        Status = "ok"
	Partial   Status = "partial"
	Failed    Status = "failed"
	Skipped   Status = "skipped"
	Cancelled Status = "cancelled"
)

// Result of a run. Close it when its tables are no longer needed.
type Result struct {
	Pipeline string `json:"pipeline"`
	Status   Status `json:"status"`
	// Reason of a status other than ok, in one sentence.
	Reason    string        `json:"reason,omitempty"`
	StartedAt time.Time     `json:"started_at"`
	Wall      time.Duration `json:"wall_ns"`
	// PeakTableBytes is the most that tables took in memory at one time.
	PeakTableBytes int64 `json:"peak_table_bytes"`
	// Nodes in the order of the pipeline.
	Nodes []*NodeResult `json:"nodes"`
}

// Node returns the result of a node, or nil.
func (r *Result) Node(name string) *NodeResult {
	for _, n := range r.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Close releases the tables.
func (r *Result) Close() {
	for _, n := range r.Nodes {
		release(n.table)
		n.table = nil
	}
}

// NodeResult tells what became of a node.
type NodeResult struct {
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Use    string `json:"use,omitempty"`
	Status Status `json:"status"`
	// Reason of a status other than ok, in one sentence.
	Reason    string    `json:"reason,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	// Wall is measured by the host and covers all attempts.
	Wall time.Duration `json:"wall_ns"`
	// Attempts made: 1 without retries, 0 when the node did not start.
	Attempts int `json:"attempts"`
	// Rows of the input, written, and dropped by the kernel's own account.
	RowsIn      int64 `json:"rows_in"`
	RowsOut     int64 `json:"rows_out"`
	RowsDropped int64 `json:"rows_dropped"`
	// Encoded bytes to and from the kernel over its calls; for a source, the
	// size of the file is out.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// The two calls of a kernel; nil when it has not come to them.
	Fit       *Call `json:"fit,omitempty"`
	Transform *Call `json:"transform,omitempty"`
	// State is what the kernel learnt.
	State       []byte     `json:"-"`
	StateBytes  int        `json:"state_bytes,omitempty"`
	StateSHA256 string     `json:"state_sha256,omitempty"`
	Problems    []*Problem `json:"diagnostics,omitempty"`

	table Table
}

// Table is the output of the node, or nil when there is none or it was not
// kept; see Options.Keep. It is valid until Result.Close.
func (n *NodeResult) Table() Table { return n.table }

// Call is one call of a kernel.
type Call struct {
	// Report is a JSON object under the kernel's documented keys.
	Report  json.RawMessage   `json:"report"`
	Metrics dataplane.Metrics `json:"metrics"`
}

// add accounts for a call that came to its end.
func (n *NodeResult) add(o *dataplane.Outcome) *Call {
	n.RowsIn, n.RowsOut, n.RowsDropped = o.Metrics.RowsIn, o.Metrics.RowsOut, o.RowsDropped
	n.BytesIn += o.Metrics.BytesIn
	n.BytesOut += o.Metrics.BytesOut
	n.Problems = append(n.Problems, fromDiagnostics(n.Name, o.Diagnostics)...)
	return &Call{Report: o.Report, Metrics: o.Metrics}
}

func (n *NodeResult) learn(state []byte) {
	sum := sha256.Sum256(state)
	n.State, n.StateBytes, n.StateSHA256 = state, len(state), hex.EncodeToString(sum[:])
}

// forget drops what an attempt left that is made again.
func (n *NodeResult) forget() {
	n.RowsIn, n.RowsOut, n.RowsDropped, n.BytesIn, n.BytesOut = 0, 0, 0, 0, 0
	n.Fit, n.Transform, n.State, n.StateBytes, n.StateSHA256, n.Problems = nil, nil, nil, 0, "", nil
}

// end sets a status other than ok.
func (n *NodeResult) end(s Status, reason string) {
	n.Status, n.Reason = s, reason
}
