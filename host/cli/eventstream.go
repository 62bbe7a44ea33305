// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// An eventStream prints what happens in a run as it happens, one JSON object a
// line, for programs that drive the host. Every line has "event" and "time"; the
// first is hello, and the last one run_ended with the whole report, or failed with
// what `--json` prints of a failure. New events and new fields may come.
type eventStream struct {
	mu     sync.Mutex
	to     io.Writer
	broken error                // why nothing can be written any more
	last   map[string]time.Time // of the progress of a node
}

// newEventStream makes a stream. From now on a reader that goes away does not
// kill the process, which would leave plugins and temporary files behind.
func newEventStream(to io.Writer) *eventStream {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	s := &eventStream{to: to, last: map[string]time.Time{}}
	me := tool()
	s.write(event{Event: "hello", Protocol: eventsProtocol, SchemaVersion: report.SchemaVersion, Tool: &me})
	return s
}

// eventsProtocol is the version of the stream. It grows when what a reader relies on
// changes; new events and fields do not change it.
const eventsProtocol = 1

// progressEvery bounds the progress events of a node.
const progressEvery = 100 * time.Millisecond

// event is one line. What an event does not have is left out.
type event struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	// Protocol, SchemaVersion and Tool are those of hello.
	Protocol      int          `json:"protocol,omitempty"`
	SchemaVersion string       `json:"schema_version,omitempty"`
	Tool          *report.Tool `json:"tool,omitempty"`
	// Suite of a preflight, and when it has ended its status and what it found.
	Suite     string            `json:"suite,omitempty"`
	Status    string            `json:"status,omitempty"`
	Preflight *report.Preflight `json:"preflight,omitempty"`

	RunID    string          `json:"run_id,omitempty"`
	Pipeline string          `json:"pipeline,omitempty"`
	Plan     *pipeline.Plan  `json:"plan,omitempty"`
	Node     string          `json:"node,omitempty"`
	Call     string          `json:"call,omitempty"`
	Attempt  int             `json:"attempt,omitempty"`
	WallMS   float64         `json:"wall_ms,omitempty"`
	Error    string          `json:"error,omitempty"`
	Progress *progressEvent  `json:"progress,omitempty"`
	Result   *report.Node    `json:"result,omitempty"`
	Report   json.RawMessage `json:"report,omitempty"`
	Failure  json.RawMessage `json:"failure,omitempty"`
}

type progressEvent struct {
	// Fraction is 0 to 1, -1 when it cannot be told; so is ETAMS.
	Fraction      float64 `json:"fraction"`
	Rows          int64   `json:"rows"`
	Bytes         int64   `json:"bytes"`
	RowsPerSecond float64 `json:"rows_per_second,omitempty"`
	ETAMS         float64 `json:"eta_ms"`
	Message       string  `json:"message,omitempty"`
}

// write prints one line. Nobody reading is no reason to stop a run: the end of
// the process tells.
func (s *eventStream) write(e event) {
	e.Time = time.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return // numbers that JSON does not have
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		_, s.broken = s.to.Write(append(line, '\n'))
	}
}

// state is why nothing can be written any more; nil while it can.
func (s *eventStream) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// events subscribes to a run.
func (s *eventStream) events(w *work) pipeline.Events {
	return pipeline.Events{
		RunStarted: func(p *pipeline.Plan) {
			s.write(event{Event: "run_started", RunID: w.runID, Pipeline: p.Pipeline, Plan: p})
		},
		NodeStarted: func(name string) { s.write(event{Event: "node_started", Node: name}) },
		CallStarted: func(name, call string, attempt int) {
			s.write(event{Event: "call_started", Node: name, Call: call, Attempt: attempt})
		},
		CallEnded: func(name string, c pipeline.CallTime) {
			s.write(event{Event: "call_ended", Node: name, Call: c.Call, Attempt: c.Attempt, WallMS: milliseconds(c.Wall), Error: c.Error})
		},
		Progress: s.progress,
		NodeEnded: func(n *pipeline.NodeResult) {
			node := w.node(n)
			s.write(event{Event: "node_ended", Node: n.Name, Result: &node})
		},
	}
}

func (s *eventStream) progress(name string, p pipeline.Progress) {
	s.mu.Lock()
	early := time.Since(s.last[name]) < progressEvery
	if !early {
		s.last[name] = time.Now()
	}
	s.mu.Unlock()
	if early {
		return
	}
	eta := -1.0
	if p.ETA >= 0 {
		eta = milliseconds(p.ETA)
	}
	s.write(event{Event: "progress", Node: name, Call: p.Call, Attempt: p.Attempt, Progress: &progressEvent{
		Fraction: p.Fraction, Rows: p.Rows, Bytes: p.Bytes, RowsPerSecond: p.RowsPerSecond, ETAMS: eta, Message: p.Message,
	}})
}

// preflight tells of the suite that the machine is held against, and returns what
// tells of its end.
func (s *eventStream) preflight(w *work) func(*report.Run) {
	if s == nil {
		return func(*report.Run) {}
	}
	began := time.Now()
	s.write(event{Event: "preflight_started", RunID: w.runID, Pipeline: w.block.Name, Suite: w.preflightName()})
	return func(rep *report.Run) {
		s.write(event{Event: "preflight_ended", Suite: w.preflightName(), Status: rep.Status, WallMS: milliseconds(time.Since(began)), Preflight: rep.Preflight})
	}
}

// ended prints the report.
func (s *eventStream) ended(r report.Run) error {
	var b compacted
	if err := r.WriteJSON(&b); err != nil {
		return err
	}
	s.write(event{Event: "run_ended", RunID: r.RunID, Report: b.bytes})
	return s.state()
}

// close prints the last line of a run that ended with err and no report.
func (s *eventStream) close(ctx context.Context, a *app, err error) error {
	if _, reported := errors.AsType[exit](err); reported || err == nil {
		return err
	}
	if ctx.Err() != nil {
		err = interrupted(err)
	}
	wrong, ok := errors.AsType[*failure](err)
	if !ok {
		wrong = &failure{code: ExitErrors, summary: "The run failed", err: err}
	}
	if s.failed(a.failureReport(wrong)) != nil {
		return wrong
	}
	return exit(wrong.code)
}

// failed prints why there is no report.
func (s *eventStream) failed(f report.Failure) error {
	var b compacted
	if err := f.WriteJSON(&b); err != nil {
		return err
	}
	s.write(event{Event: "failed", Failure: b.bytes})
	return s.state()
}

// compacted takes a JSON document that is written in one call.
type compacted struct{ bytes []byte }

// Write keeps p; the encoder of the line takes the white space out.
func (c *compacted) Write(p []byte) (int, error) {
	c.bytes = append(c.bytes, p...)
	return len(p), nil
}
