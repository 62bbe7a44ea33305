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
//     rows add up; the same input and seed give the same output; a state made
//     in one process works in another;
//   - drain: calls in hand end, new ones are refused.
//
// Each case passes, fails with what was wrong, or is skipped with the reason.
//
// Beside the suite stand the parts of which a plugin's own tests are made: a
// fake machine of plain files (Machine), the one that runs the test
// (ThisMachine), collectors and checks run on it (Observe, Diagnose), and the
// proof that the grants of a manifest are enough for the collectors
// (GrantsSuffice).
package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// CallTimeout bounds each call that the suite makes.
const CallTimeout = 20 * time.Second

// promptly is how soon a plugin ends what was cancelled, and answers when idle.
const promptly = 2 * time.Second

// Plugin is one running instance.
type Plugin struct {
	Conn grpc.ClientConnInterface
	// Target is the machine given to Start, as the instance sees it.
	Target *pluginv1.Target
	// Stop ends the instance.
	Stop func() error
}

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
	Cases  []Case `json:"cases"`
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

// rule is one case of the suite. It returns an error when the plugin breaks
// it, and a skip when it does not apply.
type rule struct {
	name string
	run  func(*bench) error
}

// skip is the error of a rule that does not apply.
type skip string

func (s skip) Error() string { return string(s) }

// Run runs the whole contract. It stops early only when ctx ends.
func Run(ctx context.Context, subject Subject) Report {
	report := Report{Plugin: subject.Name}
	b := &bench{ctx: ctx, subject: subject}
	defer b.close()
	for _, r := range slices.Concat(describeRules, collectRules, checkRules, kernelRules, lifeRules) {
		report.Cases = append(report.Cases, b.try(r))
	}
	return report
}

// Test runs the contract as subtests.
func Test(t *testing.T, subject Subject) {
	t.Helper()
	for _, c := range Run(t.Context(), subject).Cases {
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
	c.DurationMS = time.Since(begin).Milliseconds()
	if reason, ok := errors.AsType[skip](err); ok {
		c.Status, c.Detail = Skipped, string(reason)
	} else if err != nil {
		c.Status, c.Detail = Failed, err.Error()
	}
	return c
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
