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
	// PeakTableBytes is the most that kept tables took in memory at one time, and
	// PeakSpillBytes on disk.
	PeakTableBytes int64 `json:"peak_table_bytes"`
	PeakSpillBytes int64 `json:"peak_spill_bytes,omitempty"`
	// Nodes in the order of the pipeline, and Edges in the order of the nodes
	// that they lead to.
	Nodes []*NodeResult `json:"nodes"`
	Edges []EdgeResult  `json:"edges"`
	// Sinks that were put in place.
	Sinks []Written `json:"sinks,omitempty"`
	// Undone tells of each side effect that was to be taken back, in the order
	// in which that was tried.
	Undone []Undone `json:"undone,omitempty"`
}

// EdgeResult is what went from one node to another.
type EdgeResult struct {
	From string   `json:"from"`
	To   string   `json:"to"`
	Kind EdgeKind `json:"kind"`
	// Rows and Bytes of the table, as far as it was made; -1 when nobody counted
	// them. Fused kernels move no bytes through the host.
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

// Undone is one side effect that was to be taken back.
type Undone struct {
	Node string `json:"node"`
	// Problem says why it could not be; nil when it was.
	Problem *Problem `json:"problem,omitempty"`
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
		n.quarantine.close()
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
	// Rows of the input, written, and dropped and rejected by the kernel's own
	// account. Of a source they are -1 out when nobody read it to its end.
	RowsIn       int64 `json:"rows_in"`
	RowsOut      int64 `json:"rows_out"`
	RowsDropped  int64 `json:"rows_dropped"`
	RowsRejected int64 `json:"rows_rejected,omitempty"`
	// Rejected are the first of the rejected rows, MaxRejectedListed at most.
	Rejected []dataplane.Rejected `json:"rejected,omitempty"`
	// Encoded bytes to and from the kernel over its calls; for a source, the
	// size of the file is out.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// The two calls of a kernel; nil when it has not come to them.
	Fit       *Call `json:"fit,omitempty"`
	Transform *Call `json:"transform,omitempty"`
	// CPU of the plugin's process during the calls, and the largest PeakRSS of
	// its life; zero when not measured. The process may serve other nodes.
	CPU     time.Duration `json:"cpu_ns,omitempty"`
	PeakRSS uint64        `json:"peak_rss_bytes,omitempty"`
	// Calls are all calls of the kernel, those of lost processes among them.
	Calls []CallTime `json:"calls,omitempty"`
	// Fused names the node whose call the node was a part of; empty for none.
	Fused string `json:"fused,omitempty"`
	// Cache is hit, miss or off, and CacheKey the digest of what the result
	// depends on. Of a fit whose state was in the cache, FitCache is hit.
	Cache    CacheState `json:"cache,omitempty"`
	CacheKey string     `json:"cache_key,omitempty"`
	FitCache CacheState `json:"fit_cache,omitempty"`
	// State is what the kernel learnt.
	State       []byte     `json:"-"`
	StateBytes  int        `json:"state_bytes,omitempty"`
	StateSHA256 string     `json:"state_sha256,omitempty"`
	Problems    []*Problem `json:"diagnostics,omitempty"`

	table      Table
	quarantine *quarantine
	undo       *undoable
}

// CallTime is one call of a kernel.
type CallTime struct {
	// Call is validate, fit, transform or undo.
	Call string        `json:"call"`
	Wall time.Duration `json:"wall_ns"`
	// Attempt that the call belongs to, from 1.
	Attempt int `json:"attempt"`
	// Error says why the call ended without an answer.
	Error string `json:"error,omitempty"`
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
	n.RowsIn, n.RowsOut, n.RowsDropped, n.RowsRejected = o.Metrics.RowsIn, o.Metrics.RowsOut, o.RowsDropped, o.RowsRejected
	n.BytesIn += o.Metrics.BytesIn
	n.BytesOut += o.Metrics.BytesOut
	n.CPU += o.Metrics.CPU
	n.PeakRSS = max(n.PeakRSS, o.Metrics.PeakRSS)
	n.Problems = append(n.Problems, fromDiagnostics(n.Name, o.Diagnostics)...)
	return &Call{Report: o.Report, Metrics: o.Metrics}
}

func (n *NodeResult) learn(state []byte) {
	sum := sha256.Sum256(state)
	n.State, n.StateBytes, n.StateSHA256 = state, len(state), hex.EncodeToString(sum[:])
}

// forget drops what an attempt left that is made again. The times of its calls
// stay.
func (n *NodeResult) forget() {
	*n = NodeResult{
		Name: n.Name, Kind: n.Kind, Use: n.Use, StartedAt: n.StartedAt, Attempts: n.Attempts, Calls: n.Calls,
		Cache: n.Cache, CacheKey: n.CacheKey, undo: n.undo,
	}
}

// end sets a status other than ok.
func (n *NodeResult) end(s Status, reason string) {
	n.Status, n.Reason = s, reason
}

// failure is the first error among the problems of a failed node.
func (n *NodeResult) failure() *Problem {
	for _, p := range n.Problems {
		if p.Severity == SeverityError {
			return p
		}
	}
	return problemf(n.Name, "Node that failed", "%s", n.Reason)
}
