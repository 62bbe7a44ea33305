// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// SchemaVersion of the records that this package writes: MAJOR.MINOR.
const SchemaVersion = "1.0"

// Status of a run and of a node.
type Status string

// Statuses. Nodes may be Pending, Skipped and Restored, runs Partial, Refused and
// Interrupted; the others are for both.
const (
	Running   Status = "running"
	OK        Status = "ok"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
	TimedOut  Status = "timed-out"
	// Partial: nodes failed whose policy lets the others go on.
	Partial Status = "partial"
	// Refused by the preflight, or by the plan.
	Refused Status = "refused"
	// Interrupted: the host died. It is found out, and never written.
	Interrupted Status = "interrupted"
	// Pending: it has not begun.
	Pending Status = "pending"
	Skipped Status = "skipped"
	// Restored from the cache or a checkpoint, without a call.
	Restored Status = "restored"
)

// Record of a run. Digests are "sha256:" and 64 hexadecimal digits. Times are in
// UTC, durations in nanoseconds.
type Record struct {
	SchemaVersion string `json:"schema_version"`
	// ID is 16 hexadecimal digits; Begin makes one when it is empty.
	ID       string `json:"id"`
	Pipeline string `json:"pipeline"`
	Status   Status `json:"status"`
	// Reason of a status other than ok, in one sentence.
	Reason    string    `json:"reason,omitempty"`
	StartedAt time.Time `json:"started_at"`
	// EndedAt is zero while the run goes on, and when it was interrupted.
	EndedAt time.Time     `json:"ended_at,omitzero"`
	Wall    time.Duration `json:"wall_ns"`
	// RerunOf is the run that this one repeats.
	RerunOf string `json:"rerun_of,omitempty"`
	Host    Host   `json:"host"`
	// Files of the configuration, and the values of its variables; secrets must
	// have been taken out.
	Files     []File                     `json:"files"`
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
	// Settings of the pipeline itself, such as its policy and limits: a JSON
	// object.
	Settings json.RawMessage `json:"settings,omitempty"`
	Plugins  []Plugin        `json:"plugins"`
	Sources  []Source        `json:"sources"`
	Sinks    []Sink          `json:"sinks"`
	// Nodes in the order of the pipeline.
	Nodes []Node `json:"nodes"`
	// PeakTableBytes is the most that tables took in the memory of the host.
	PeakTableBytes int64 `json:"peak_table_bytes,omitempty"`
	// Owed are side effects that are still to be taken back, the last one first: of a
	// run whose host died, or for which it was tried in vain. List leaves them out.
	Owed []Effect `json:"owed,omitempty"`
	// LostLines counts records of nodes that could not be read back.
	LostLines int `json:"lost_lines,omitempty"`
}

// Host that ran.
type Host struct {
	// Version of Bulkhead, and the commit it was built from.
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Name    string `json:"name,omitempty"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	PID     int    `json:"pid"`
}

// File of the configuration.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Plugin that took part.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// SHA256 of the executable that ran.
	SHA256 string `json:"sha256,omitempty"`
	// Level of the sandbox: "full", "walls-only", "none" and so on.
	Level string `json:"level,omitempty"`
	// Grants as they are shown to people, such as "read /data".
	Grants []string `json:"grants,omitempty"`
	// Overridden says what ran in place of the plugin of that name, which somebody
	// worked on: the path of an executable, or a process. Nobody pinned it.
	Overridden string `json:"overridden,omitempty"`
}

// Source that was read.
type Source struct {
	Node string `json:"node"`
	Path string `json:"path"`
	// SHA256 of the rows, as host/dataplane hashes them.
	SHA256 string `json:"sha256,omitempty"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// Sink that was written.
type Sink struct {
	Node string `json:"node"`
	Path string `json:"path"`
	// SHA256 of the file.
	SHA256 string `json:"sha256,omitempty"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes,omitempty"`
	// Replaced counts values that the format does not have and that became null.
	Replaced int64 `json:"replaced,omitempty"`
}

// Node returns the node of a name, or nil.
func (r *Record) Node(name string) *Node {
	i := slices.IndexFunc(r.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Nodes[i]
}

// States are the digests of the states that the run made or used.
func (r *Record) States() []string {
	out := map[string]bool{}
	for _, n := range r.Nodes {
		if n.State != "" {
			out[n.State] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// Short is the beginning of the id that people type: 8 digits.
func (r *Record) Short() string { return r.ID[:min(len(r.ID), 8)] }

// idLength of the id of a run.
const idLength = 16

func isID(s string) bool { return len(s) == idLength && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// lists makes empty lists of nil ones, so that documents have no null.
func (r *Record) lists() {
	r.Files, r.Plugins, r.Sources = listed(r.Files), listed(r.Plugins), listed(r.Sources)
	r.Sinks, r.Nodes = listed(r.Sinks), listed(r.Nodes)
	for i := range r.Nodes {
		r.Nodes[i].Calls = listed(r.Nodes[i].Calls)
	}
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
