// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// TestWhichHost: Host.Path goes before $BULKHEAD, and that before PATH.
func TestWhichHost(t *testing.T) {
	good, bad := fake(t, "good"), fake(t, "mute")
	env := func(host, path string) []string {
		return []string{fakeEnv + "=good", pipeline.EnvHost + "=/overruled", pipeline.EnvHost + "=" + host, "PATH=" + path, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	}
	for name, h := range map[string]pipeline.Host{
		"path":        {Path: good.Path, Env: env("/no/such/host", "")},
		"environment": {Env: env(good.Path, "")},
	} {
		run, err := h.StartFile(t.Context(), "p.hcl")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := run.Wait(short(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("PATH", filepath.Dir(good.Path))
	t.Setenv(fakeEnv, "good")
	t.Setenv(pipeline.EnvHost, "")
	run, err := pipeline.StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatalf("PATH: %v", err)
	}
	if _, err := run.Wait(short(t)); err != nil {
		t.Errorf("PATH: %v", err)
	}
	t.Setenv(pipeline.EnvHost, bad.Path)
	t.Setenv(fakeEnv, "mute")
	if _, err := pipeline.StartFile(t.Context(), "p.hcl"); !is[*pipeline.VersionError](err) {
		t.Errorf("$%s: %v", pipeline.EnvHost, err)
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv(pipeline.EnvHost, "")
	if _, err := pipeline.StartFile(t.Context(), "p.hcl"); !is[*pipeline.NotFoundError](err) || !strings.Contains(err.Error(), "install it") {
		t.Errorf("nowhere: %v", err)
	}
}

// TestVersionDeadline: a host that never says who it is does not hang the start.
func TestVersionDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := fake(t, "slow-version").StartFile(ctx, "p.hcl")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > promptly {
		t.Errorf("error = %v after %v", err, time.Since(began))
	}
}

// TestFollowersTogether: many followers and waits of one run, that start at any
// time, see the same in the same order.
func TestFollowersTogether(t *testing.T) {
	run := start(t, "chatty")
	ctx := short(t)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			time.Sleep(time.Duration(i) * 5 * time.Millisecond)
			last, kinds := int64(-1), []pipeline.EventKind{}
			for e := range run.Events(ctx) {
				if e.Progress != nil {
					if e.Progress.Rows <= last {
						t.Errorf("row %d after %d", e.Progress.Rows, last)
					}
					last = e.Progress.Rows
					continue
				}
				kinds = append(kinds, e.Kind)
			}
			if last != 4999 || !slices.Equal(kinds, []pipeline.EventKind{pipeline.RunStarted, pipeline.NodeEnded, pipeline.RunEnded}) {
				t.Errorf("last row %d, events %v", last, kinds)
			}
		})
		wait.Go(func() {
			if _, err := run.Node("clean").Wait(ctx); err != nil {
				t.Error(err)
			}
			run.Node("clean").Progress()
		})
	}
	wait.Wait()
	// The plan has a node that nothing was said about.
	if _, err := run.Node("rows").Wait(ctx); !is[*pipeline.NodeError](err) || !strings.Contains(err.Error(), "source.rows: pending") {
		t.Errorf("a node without a word: %v", err)
	}
	if p := run.Node("nobody").Progress(); p != (pipeline.Progress{}) {
		t.Errorf("progress of nobody: %+v", p)
	}
}

// TestCallbacksInOrder: events come one at a time, as they were written, before
// the run is over.
func TestCallbacksInOrder(t *testing.T) {
	h := fake(t, "good")
	var inside atomic.Int32
	var got []string
	h.OnEvent = func(e pipeline.Event) {
		if inside.Add(1) != 1 {
			t.Error("two at once")
		}
		got = append(got, string(e.Kind)+e.Node)
		time.Sleep(5 * time.Millisecond)
		inside.Add(-1)
	}
	run, err := h.StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	<-run.Done()
	if want := []string{"run_started", "node_endedsource.rows", "node_endedkernel.clean", "of_the_future", "run_ended"}; !slices.Equal(got, want) {
		t.Errorf("events = %q", got)
	}
}

// TestRandomEnds cancels at any moment: the run always settles, with its report
// or with the reason, and nothing is left.
func TestRandomEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	modes := []string{"good", "half", "chatty", "crash", "torn", "nonsense", "endless"}
	var hosts []pipeline.Host
	for _, mode := range modes {
		hosts = append(hosts, fake(t, mode))
	}
	r := rand.New(rand.NewPCG(3, 4))
	var wait sync.WaitGroup
	for i := range 28 {
		patience := time.Duration(r.IntN(120)) * time.Millisecond
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			run, err := hosts[i%len(hosts)].StartFile(ctx, "p.hcl")
			if err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				return
			}
			report, err := run.Wait(short(t))
			if (report == nil || report.Status != pipeline.StatusOK) == (err == nil) {
				t.Errorf("%s: %+v, %v", modes[i%len(modes)], report, err)
			}
			if _, nodeErr := run.Node("clean").Wait(short(t)); nodeErr == nil && err != nil && errors.Is(err, context.DeadlineExceeded) && modes[i%len(modes)] == "half" {
				t.Error("a node that never ended is done")
			}
		})
	}
	wait.Wait()
	settled(t, before)
}

// TestErrorTexts: every error says what, why and what next, on one line.
func TestErrorTexts(t *testing.T) {
	cause := errors.New("why")
	for want, err := range map[string]error{
		`the Bulkhead host "x" cannot be started: why; install it, or name its executable with Host.Path or in the environment variable BULKHEAD`: &pipeline.NotFoundError{Path: "x", Err: cause},
		"x 0.1: install another": &pipeline.VersionError{Path: "x", Version: "0.1", Problem: "install another"},
		"kernel.k: failed: why":  &pipeline.NodeError{Node: "kernel.k", Status: "failed", Reason: "why"},
		"kernel.k: pending: why": &pipeline.NodeError{Node: "kernel.k", Status: "pending", Err: cause},
		`pipeline "p": timed-out: Too slow: give it more`: &pipeline.RunError{Report: &pipeline.Report{Pipeline: "p", Status: "timed-out",
			Error: &pipeline.Problem{Summary: "Too slow", Detail: "give it more"}}},
		"f.hcl:3,4: kernel.k: seed: wrong": &pipeline.StepError{Step: "kernel.k", Attribute: "seed", Problem: "wrong", File: "f.hcl", Line: 3, Column: 4},
		"kernel.k: wrong":                  &pipeline.StepError{Step: "kernel.k", Problem: "wrong"},
		`line 7 of the events cannot be read (why): "tex"; host and SDK may not fit, or the executable is no Bulkhead host`: &pipeline.ProtocolError{Line: 7, Text: "tex", Err: cause},
	} {
		if err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	for _, err := range []error{&pipeline.NotFoundError{Err: cause}, &pipeline.NodeError{Err: cause}, &pipeline.ProtocolError{Err: cause}} {
		if !errors.Is(err, cause) {
			t.Errorf("%T hides its reason", err)
		}
	}
}

// TestStderr: what people should see is passed on, and the end of it is in the
// error of a crash.
func TestStderr(t *testing.T) {
	h := fake(t, "crash")
	var seen bytes.Buffer
	h.Stderr = &seen
	run, err := h.StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	_, err = run.Wait(short(t))
	crash, ok := errors.AsType[*pipeline.CrashError](err)
	if !ok || crash.ExitCode != 2 || crash.Stderr != "panic: runtime error" || seen.String() != "panic: runtime error\n" {
		t.Errorf("%+v, saw %q", crash, seen.String())
	}
	if fmt.Sprint(run.Node("clean").Progress().Rows) != "0" {
		t.Error("progress of nothing")
	}
}
