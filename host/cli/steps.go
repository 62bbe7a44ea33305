// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// steps tells how far a change of plugins is: on one line of standard error where
// somebody watches, and with --events as one JSON object a line of standard output.
// Every line has "event" and "time"; the first is hello, as in the stream of a run, and
// the last is ended with the whole result, or failed with what --json prints of a
// failure, and the result as far as it came. New events and fields may come.
type steps struct {
	app    *app
	stream bool
	plan   *installPlan // of a change that did not pass, as far as it came

	mu    sync.Mutex
	shown time.Time // when the line of a download was last drawn
	line  bool
}

// stepEvent is one line of --events.
type stepEvent struct {
	Event string    `json:"event"` // hello, step, ended or failed
	Time  time.Time `json:"time"`
	// Protocol, SchemaVersion and Tool are those of hello.
	Protocol      int          `json:"protocol,omitempty"`
	SchemaVersion string       `json:"schema_version,omitempty"`
	Tool          *report.Tool `json:"tool,omitempty"`

	Step    *upgrade.Event  `json:"step,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Failure json.RawMessage `json:"failure,omitempty"`
}

func (a *app) steps(stream bool) *steps {
	p := &steps{app: a, stream: stream}
	if stream {
		me := tool()
		p.write(stepEvent{Event: "hello", Protocol: eventsProtocol, SchemaVersion: report.SchemaVersion, Tool: &me})
	}
	return p
}

// write prints one line of --events.
func (p *steps) write(e stepEvent) {
	e.Time = time.Now().UTC()
	if line, err := json.Marshal(e); err == nil {
		fmt.Fprintf(p.app.stdout, "%s\n", line)
	}
}

// event tells of a step.
func (p *steps) event(e upgrade.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.app.log.Debug("upgrade", "step", e.Step, "plugin", e.Plugin, "status", e.Status, "detail", e.Detail)
	if p.stream {
		p.write(stepEvent{Event: "step", Step: &e})
	}
	if e.Status == upgrade.Begun {
		p.draw(string(e.Step) + " " + e.Plugin)
	}
}

// fetching tells how far a download is, now and then.
func (p *steps) fetching(e trust.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = time.Now()
	text := string(e.Step) + " " + e.Name
	if e.Total > 0 {
		text += fmt.Sprintf(" %s of %s", bytesText(e.Bytes), bytesText(e.Total))
	}
	p.draw(text)
}

// auditing tells how far an audit or a copy of a registry is, now and then.
func (p *steps) auditing(e repo.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = time.Now()
	text := fmt.Sprintf("%s %d", e.Step, e.Done)
	if e.Total > 0 {
		text += fmt.Sprintf(" of %d", e.Total)
	}
	if e.Size > 0 {
		text += fmt.Sprintf(", %s of %s", bytesText(e.Bytes), bytesText(e.Size))
	}
	p.draw(text + " " + e.Name) // which may be cut off
}

// draw shows a line where somebody watches.
func (p *steps) draw(text string) {
	if !p.app.interactive() || p.stream {
		return
	}
	p.line = true
	fmt.Fprintf(p.app.stderr, "\r\x1b[K%.78s", report.CleanLine(strings.TrimSpace(text)))
}

// done removes the line.
func (p *steps) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line {
		fmt.Fprint(p.app.stderr, "\r\x1b[K")
	}
	p.line = false
}

// result prints what came of the change.
func (p *steps) result(out installPlan) error {
	if !p.stream {
		return p.app.result(out)
	}
	p.write(stepEvent{Event: "ended", Result: compact(out)})
	return nil
}

// failed tells why nothing came of it.
func (p *steps) failed(err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok || !p.stream {
		return err
	}
	e := stepEvent{Event: "failed", Failure: compact(p.app.failureReport(f))}
	if p.plan != nil {
		e.Result = compact(*p.plan)
	}
	p.write(e)
	return exit(f.code)
}

// compact is a document on one line.
func compact(doc document) json.RawMessage {
	var text, line bytes.Buffer
	if doc.WriteJSON(&text) != nil || json.Compact(&line, text.Bytes()) != nil {
		return nil
	}
	return line.Bytes()
}
