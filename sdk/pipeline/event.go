// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// EventKind is what an event tells.
type EventKind string

// The kinds of events that a host of this version sends. Others may come; they
// are passed on as they are.
const (
	Hello            EventKind = "hello"
	PreflightStarted EventKind = "preflight_started"
	PreflightEnded   EventKind = "preflight_ended"

	RunStarted  EventKind = "run_started"
	NodeStarted EventKind = "node_started"
	CallStarted EventKind = "call_started"
	CallEnded   EventKind = "call_ended"
	Progressed  EventKind = "progress"
	NodeEnded   EventKind = "node_ended"
	RunEnded    EventKind = "run_ended"
	Failed      EventKind = "failed"
)

// Event is one line of the stream; see the package documentation for which
// kinds have which fields.
type Event struct {
	Kind EventKind `json:"event"`
	// Time on the clock of the host, in UTC.
	Time time.Time `json:"time"`
	// Protocol of the stream, SchemaVersion of the documents in it, and who writes
	// it: of Hello, which older hosts do not send.
	Protocol      int    `json:"protocol,omitempty"`
	SchemaVersion string `json:"schema_version,omitempty"`
	Tool          *Tool  `json:"tool,omitempty"`
	// Suite of a preflight; when it has ended, Status is "ok", "refused", "cancelled"
	// or "timed-out", and Preflight the diagnosis in its short form.
	Suite     string          `json:"suite,omitempty"`
	Status    string          `json:"status,omitempty"`
	Preflight json.RawMessage `json:"preflight,omitempty"`
	// RunID has 16 hexadecimal digits; `bulkhead runs show` takes it.
	RunID    string `json:"run_id,omitempty"`
	Pipeline string `json:"pipeline,omitempty"`
	Plan     *Plan  `json:"plan,omitempty"`
	// Node is the name of a node: "kernel.clean", "source.rows", "sink.out".
	Node string `json:"node,omitempty"`
	// Call of a kernel: "validate", "fit", "transform", "undo"; of a sink
	// "write".
	Call string `json:"call,omitempty"`
	// Attempt counts from 1.
	Attempt int `json:"attempt,omitempty"`
	// WallMS is what a call took, in milliseconds.
	WallMS float64 `json:"wall_ms,omitempty"`
	// Error says why a call failed.
	Error    string      `json:"error,omitempty"`
	Progress *Progress   `json:"progress,omitempty"`
	Result   *NodeResult `json:"result,omitempty"`
	Report   *Report     `json:"report,omitempty"`
	Failure  *Failure    `json:"failure,omitempty"`
	// Raw is the whole line as it came, without the line end.
	Raw json.RawMessage `json:"-"`
}

// Protocol is the version of the stream that this package reads: a host that says
// another one in its Hello ends the run with a *ProtocolError. A stream without Hello
// is read as this one.
const Protocol = 1

// MaxLine bounds one line of the stream, in bytes.
const MaxLine = 64 << 20

// DecodeEvent reads one line of the stream. Unknown kinds and fields are good;
// a line that is no object, has no kind, or lacks what its kind must have is an
// error.
func DecodeEvent(line []byte) (Event, error) {
	if len(line) > MaxLine {
		return Event{}, fmt.Errorf("the line has %d bytes, more than %d", len(line), MaxLine)
	}
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return Event{}, fmt.Errorf("the line is no event: %w", err)
	}
	e.Raw = line
	return e, e.check()
}

// check wants what followers rely on.
func (e *Event) check() error {
	switch {
	case e.Kind == "":
		return errors.New("the line is no event: it has no \"event\"")
	case e.Kind == Hello && e.Protocol < 1:
		return errors.New("hello has no protocol")
	case e.Kind == RunStarted && e.Plan == nil:
		return errors.New("run_started has no plan")
	case e.ofNode() && e.Node == "":
		return fmt.Errorf("%s names no node", e.Kind)
	case e.Kind == NodeEnded && e.Result == nil:
		return errors.New("node_ended has no result")
	case e.Kind == Progressed && e.Progress == nil:
		return errors.New("progress has no progress")
	case e.Kind == RunEnded && e.Report == nil:
		return errors.New("run_ended has no report")
	case e.Kind == Failed && e.Failure == nil:
		return errors.New("failed has no failure")
	}
	return nil
}

func (e *Event) ofNode() bool {
	switch e.Kind {
	case NodeStarted, CallStarted, CallEnded, Progressed, NodeEnded:
		return true
	}
	return false
}

// Progress of a call.
type Progress struct {
	// Fraction is 0 to 1, or -1 when it cannot be told.
	Fraction float64 `json:"fraction"`
	// Rows and Bytes that the call has taken so far.
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
	// RowsPerSecond is the mean rate; 0 when it cannot be told.
	RowsPerSecond float64 `json:"rows_per_second,omitempty"`
	// ETAMS is the time that is left, in milliseconds; -1 when it cannot be told.
	ETAMS float64 `json:"eta_ms"`
	// Message of the kernel.
	Message string `json:"message,omitempty"`
}

// Plan is what will run, as `bulkhead plan --json` prints it.
type Plan struct {
	Pipeline string `json:"pipeline"`
	// Levels hold the names of nodes that may run at the same time.
	Levels [][]string    `json:"levels"`
	Nodes  []PlannedNode `json:"nodes"`
	Edges  []Edge        `json:"edges"`
}

// PlannedNode is one node of a plan. Event.Raw has more about it.
type PlannedNode struct {
	Name string `json:"name"`
	// Kind is "source", "kernel" or "sink".
	Kind string `json:"kind"`
	// Use is "PLUGIN.KERNEL", Path the file of a source or a sink.
	Use       string   `json:"use,omitempty"`
	Path      string   `json:"path,omitempty"`
	Inputs    []string `json:"inputs,omitempty"`
	Consumers []string `json:"consumers,omitempty"`
	Level     int      `json:"level"`
	// Rows and Bytes of a source; -1 rows when they are not known.
	Rows  int64 `json:"rows,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	// Cache is "hit", "miss" or "off".
	Cache string `json:"cache,omitempty"`
}

// Edge says how the table of a node reaches another one.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	Kind string `json:"kind"`
}
