// SPDX-License-Identifier: Apache-2.0

// Package plugintest is the contract that every plugin keeps, as a suite that
// anyone can run: in process against the Go values (InProcess), or against a
// running executable in any language (the host's `bulkhead plugin test`).
//
// The suite asks only what the wire promises:
//
//   - describe: names are slugs, versions semantic, settings decodable, the
//     answer always the same, in another process too;
//   - collect: an empty, a garbage and a foreign machine give no crash, only
//     described facts, the same facts every time, and an end when cancelled;
//   - check: pure (order and repetition change nothing), silent without facts,
//     whole on facts that are unknown or of a wrong type;
//   - kernel: wrong settings, tables and states are diagnostics, not deaths;
//     rows add up; the same input and seed give the same output, in messages and
//     in shared memory; a state made in one process works in another; a call that
//     is cancelled ends;
//   - life: calls in hand end, new ones are refused, and a process that ended
//     left nothing behind;
//   - leak: two hundred calls more cost no descriptor, no process and no memory;
//   - fixture: the numbers that the author published, see Fixture.
//
// Each case passes, fails with what was wrong, or is skipped with the reason.
// Rules lists them; Options chooses among them. What is random in the hostile
// tables comes from Options.Seed, so that a failure can be had again.
//
// Beside the suite stand the parts of which a plugin's own tests are made: a
// fake machine of plain files (Machine), the one that runs the test
// (ThisMachine), collectors and checks run on it (Observe, Diagnose), and the
// proof that the grants of a manifest are enough for the collectors
// (GrantsSuffice).
package plugintest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// CallTimeout bounds each call that the suite makes. When two rules were broken by
// calls that did not end in it, the other calls get impatience: a plugin that hangs is
// told as such in minutes and not in an hour.
const (
	CallTimeout = 20 * time.Second
	impatience  = 5 * time.Second
)

// promptly is how soon a plugin ends what was cancelled, and answers when idle.
const promptly = 2 * time.Second

// Plugin is one running instance.
type Plugin struct {
	Conn grpc.ClientConnInterface
	// Target is the machine given to Start, as the instance sees it.
	Target *pluginv1.Target
	// PID is the number of the plugin's process; 0 when it has none of its own, or
	// when it cannot be seen from here. With 0 nothing is known of what it holds.
	PID int
	// Shared makes one transform as a run does, with the batches in shared memory,
	// and returns the output. It is nil where the process shares none with its
	// host; ErrMessages says that this call would travel in messages.
	Shared func(ctx context.Context, open *pluginv1.Open, state []byte, in []arrow.RecordBatch) ([]arrow.RecordBatch, error)
	// Stop ends the instance.
	Stop func() error

	limit time.Duration // of each call; 0 is CallTimeout
}

// callTime is what a call gets.
func (p *Plugin) callTime() time.Duration { return cmp.Or(p.limit, CallTimeout) }

// ErrMessages means that the batches of a call do not travel in shared memory.
var ErrMessages = errors.New("the plugin does not share memory with the host, so its batches travel in messages")

// Subject is the plugin under test.
type Subject struct {
	Name string
	// Start starts a fresh instance whose collectors see the directory machine
	// as the root of a machine; "" shows none.
	Start func(ctx context.Context, machine string) (*Plugin, error)
}

// Status of a case.
type Status string

// The statuses.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Case is the outcome of one rule of the contract.
type Case struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Detail says what was wrong, or why the case was skipped.
	Detail     string `json:"detail,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}

// Report lists the outcomes in a fixed order.
type Report struct {
	Plugin string `json:"plugin"`
	// Seed is that of the run, to repeat it.
	Seed  uint64 `json:"seed"`
	Cases []Case `json:"cases"`
}

// NotStarted is the report of a plugin that cannot be asked anything.
func NotStarted(name string, err error) Report {
	return Report{Plugin: name, Seed: 1, Cases: []Case{{Name: "life/start", Status: Failed, Detail: clipped(err.Error())}}}
}

// Count returns the number of cases with a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, c := range r.Cases {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Summary is one line that programs may read: "NAME: P passed, F failed, S
// skipped".
func (r Report) Summary() string {
	return fmt.Sprintf("%s: %d passed, %d failed, %d skipped", r.Plugin, r.Count(Passed), r.Count(Failed), r.Count(Skipped))
}

// rule is one case of the suite. It returns an error when the plugin breaks
// it, and a skip when it does not apply.
type rule struct {
	name, doc string
	run       func(*bench) error
}

// skip is the error of a rule that does not apply.
type skip string

func (s skip) Error() string { return string(s) }

// Run runs the whole contract with seed 1 and no fixtures.
func Run(ctx context.Context, subject Subject) Report {
	return RunWith(ctx, subject, Options{})
}

// RunWith runs what the options choose of the contract. It stops early only when
// ctx ends.
func RunWith(ctx context.Context, subject Subject, o Options) Report {
	report := Report{Plugin: subject.Name, Seed: cmp.Or(o.Seed, 1)}
	b := &bench{ctx: ctx, subject: subject, seed: report.Seed}
	defer b.close()
	for _, r := range o.rules() {
		if ctx.Err() != nil {
			break
		}
		report.Cases = append(report.Cases, b.try(r))
	}
	return report
}

// Test runs the contract as subtests.
func Test(t *testing.T, subject Subject) {
	t.Helper()
	TestWith(t, subject, Options{})
}

// TestWith runs what the options choose of the contract as subtests.
func TestWith(t *testing.T, subject Subject, o Options) {
	t.Helper()
	for _, c := range RunWith(t.Context(), subject, o).Cases {
		t.Run(c.Name, func(t *testing.T) {
			switch c.Status {
			case Failed:
				t.Error(c.Detail)
			case Skipped:
				t.Skip(c.Detail)
			}
		})
	}
}

func (b *bench) try(r rule) Case {
	c := Case{Name: r.name, Status: Passed}
	begin := time.Now()
	err := guarded(func() error { return r.run(b) })
	took := time.Since(begin)
	c.DurationMS = took.Milliseconds()
	if reason, ok := errors.AsType[skip](err); ok {
		c.Status, c.Detail = Skipped, string(reason)
	} else if err != nil {
		c.Status, c.Detail = Failed, clipped(err.Error())
		b.lost(took)
	}
	return c
}

// maxDetail bounds what is told of one rule, in bytes: a plugin may have said it.
const maxDetail = 16 << 10

func clipped(detail string) string {
	if len(detail) <= maxDetail {
		return detail
	}
	return fmt.Sprintf("%s... (%d bytes more)", strings.ToValidUTF8(detail[:maxDetail], ""), len(detail)-maxDetail)
}

// guarded turns a panic of the suite itself into a failed case.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the suite panicked: %v", r)
		}
	}()
	return f()
}
