// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// start runs the mode of a fake host.
func start(t *testing.T, mode string) *pipeline.Run {
	t.Helper()
	run, err := fake(t, mode).StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run.Cancel()
		<-run.Done()
	})
	return run
}

// promptly is far more than an end takes on a busy machine, and less than the
// minute after which a fake host ends by itself.
const promptly = 40 * time.Second

// short is a context that fails a test which would hang.
func short(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestFutures(t *testing.T) {
	run := start(t, "good")
	ctx := short(t)
	for _, name := range []string{"clean", "kernel.clean", "rows"} {
		got, err := run.Node(name).Wait(ctx)
		if err != nil || got.Status != pipeline.StatusOK {
			t.Errorf("%s = %+v, %v", name, got, err)
		}
	}
	_, err := run.Node("claen").Wait(ctx)
	if unknown, ok := errors.AsType[*pipeline.UnknownNodeError](err); !ok || !strings.Contains(err.Error(), "Did you mean") || len(unknown.Known) != 2 {
		t.Errorf("an unknown node: %v", err)
	}
	report, err := run.Wait(ctx)
	if err != nil || report.Pipeline != "p" {
		t.Errorf("report = %+v, %v", report, err)
	}
	plan, err := run.Plan(ctx)
	if err != nil || len(plan.Nodes) != 2 || plan.Nodes[1].Use != "data.prepare" {
		t.Errorf("plan = %+v, %v", plan, err)
	}
}

// TestEvents follows a run late, twice, and with a break.
func TestEvents(t *testing.T) {
	run := start(t, "good")
	ctx := short(t)
	if _, err := run.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	want := []pipeline.EventKind{pipeline.RunStarted, pipeline.NodeEnded, pipeline.NodeEnded, "of_the_future", pipeline.RunEnded}
	for range 2 {
		var got []pipeline.EventKind
		for e := range run.Events(ctx) {
			got = append(got, e.Kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("events = %v", got)
		}
	}
	for e := range run.Events(ctx) {
		if !bytes.Contains(e.Raw, []byte("run_started")) {
			t.Errorf("raw = %s", e.Raw)
		}
		break
	}
}

// TestProgress: callbacks see everything, a late follower the last alone.
func TestProgress(t *testing.T) {
	h := fake(t, "chatty")
	var events, progress int
	h.OnEvent = func(pipeline.Event) { events++ }
	h.OnProgress = func(node string, p pipeline.Progress) {
		if node != "kernel.clean" || p.Rows != int64(progress) {
			t.Errorf("progress %d of %s: %+v", progress, node, p)
		}
		progress++
	}
	run, err := h.StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(short(t)); err != nil {
		t.Fatal(err)
	}
	if events != 5003 || progress != 5000 {
		t.Errorf("%d events, %d of progress", events, progress)
	}
	var late []int64
	for e := range run.Events(short(t)) {
		if e.Progress != nil {
			late = append(late, e.Progress.Rows)
		}
	}
	if !slices.Equal(late, []int64{4999}) || run.Node("clean").Progress().Rows != 4999 {
		t.Errorf("late progress = %v", late)
	}
}

// TestBrokenHosts wants a typed error for each way to go wrong, and futures that
// say the same.
func TestBrokenHosts(t *testing.T) {
	for mode, check := range map[string]func(error) bool{
		"crash":     is[*pipeline.CrashError],
		"torn":      is[*pipeline.CrashError],
		"nonsense":  is[*pipeline.ProtocolError],
		"endless":   is[*pipeline.ProtocolError],
		"refused":   is[*pipeline.FailureError],
		"bad-node":  is[*pipeline.RunError],
		"preflight": is[*pipeline.RunError],
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			run := start(t, mode)
			_, err := run.Wait(short(t))
			if !check(err) {
				t.Fatalf("error = %T: %v", err, err)
			}
			if _, nodeErr := run.Node("clean").Wait(short(t)); nodeErr == nil {
				t.Error("the node says nothing")
			}
		})
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for mode, want := range map[string][]string{
		"crash":     {"exit status 2", "panic: runtime error", "bulkhead run --debug"},
		"nonsense":  {"line 2", "Segmentation fault"},
		"refused":   {"Wrong configuration", "b.hcl:3,4: Unknown name: no source.x."},
		"preflight": {"refused", "does not pass the preflight", "Mend it"},
		"bad-node":  {`pipeline "p": failed`, "kernel.clean", "bulkhead runs show 0123456789abcdef"},
	} {
		_, err := start(t, mode).Wait(short(t))
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v lacks %q", mode, err, part)
			}
		}
	}
	run := start(t, "bad-node")
	result, err := run.Node("clean").Wait(short(t))
	if e, ok := errors.AsType[*pipeline.NodeError](err); !ok || e.Reason != "because" || result.Status != pipeline.StatusFailed {
		t.Errorf("node = %+v, %v", result, err)
	}
	if _, err := run.Node("rows").Wait(short(t)); err != nil {
		t.Errorf("the other node: %v", err)
	}
}

// TestWrongHosts never starts a run.
func TestWrongHosts(t *testing.T) {
	for mode, want := range map[string]string{
		"old": "install a newer host", "new": "a newer SDK", "stranger": "does not answer", "mute": "does not answer",
	} {
		_, err := fake(t, mode).StartFile(t.Context(), "p.hcl")
		if !is[*pipeline.VersionError](err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	run, err := fake(t, "upset").StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatalf("a host that cannot read its configuration still says who it is: %v", err)
	}
	<-run.Done()
	_, err = pipeline.Host{Path: filepath.Join(t.TempDir(), "none")}.StartFile(t.Context())
	if !is[*pipeline.NotFoundError](err) || !strings.Contains(err.Error(), pipeline.EnvHost) {
		t.Errorf("no host: %v", err)
	}
	if _, err = (pipeline.Host{Env: []string{"BULKHEAD=/no/such/host"}}).StartFile(t.Context()); !is[*pipeline.NotFoundError](err) {
		t.Errorf("no host in the environment: %v", err)
	}
}

// TestCancel: a host that heeds nothing is gone soon, with its children, and
// every future is settled.
func TestCancel(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("children of a host end with its job on Windows, which this host has none of")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	run, err := fake(t, "deaf").StartFile(ctx, "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	for e := range run.Events(short(t)) {
		if e.Kind == pipeline.CallStarted {
			pid, _ = strconv.Atoi(e.Call)
			break
		}
	}
	why := errors.New("enough")
	began := time.Now()
	cancel(why)
	if _, err := run.Wait(short(t)); !errors.Is(err, why) {
		t.Errorf("error = %v", err)
	}
	if took := time.Since(began); took > promptly {
		t.Errorf("took %v", took)
	}
	if _, err := run.Node("clean").Wait(short(t)); !errors.Is(err, why) {
		t.Errorf("the node: %v", err)
	}
	gone(t, pid)
}

// TestCancelPolite: one that heeds the request need not be killed.
func TestCancelPolite(t *testing.T) {
	h := fake(t, "half")
	if h.Grace = time.Hour; runtime.GOOS == "windows" {
		h.Grace = 0 // there is nothing to ask it with
	}
	run, err := h.StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Node("rows").Wait(short(t)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	run.Cancel()
	if _, err := run.Wait(short(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	if took := time.Since(began); took > promptly {
		t.Errorf("took %v", took)
	}
}

// TestWaitsEnd: every wait ends with its own context and leaves the run alone.
func TestWaitsEnd(t *testing.T) {
	run := start(t, "half")
	if _, err := run.Plan(short(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, reportErr := run.Wait(ctx)
	_, nodeErr := run.Node("clean").Wait(ctx)
	for range run.Events(ctx) {
	}
	if !errors.Is(reportErr, context.DeadlineExceeded) || !errors.Is(nodeErr, context.DeadlineExceeded) {
		t.Errorf("errors = %v, %v", reportErr, nodeErr)
	}
	select {
	case <-run.Done():
		t.Error("the run ended")
	default:
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	if _, err := fake(t, "half").StartFile(done, "p.hcl"); !errors.Is(err, context.Canceled) {
		t.Errorf("a start after the end: %v", err)
	}
}

func TestArguments(t *testing.T) {
	h := fake(t, "args")
	var said bytes.Buffer
	keep := false
	h.Stderr, h.Cached = &said, &keep
	h.Vars, h.VarFiles = map[string]string{"b": "2", "a": "1 2"}, []string{"x.vars"}
	h.Save, h.Sandbox, h.Pipeline, h.With = "out", "full", "p", []string{"policy.hcl"}
	h.Timeout, h.SkipPreflight, h.NoRecord = 90*time.Second, true, true
	run, err := h.StartFile(t.Context(), "-odd.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(short(t)); err != nil {
		t.Fatal(err)
	}
	want := "run --events --pipeline=p --save=out --sandbox=full --timeout=1m30s --var=a=1 2 --var=b=2 --var-file=x.vars --no-cache --skip-preflight --no-record -- -odd.hcl policy.hcl"
	if got := strings.Join(strings.Split(strings.TrimSpace(said.String()), "\n"), " "); got != want {
		t.Errorf("arguments = %s", got)
	}
}

// TestStartBuilt writes the file beside the data, where no directory of
// configurations would find it, and takes it away.
func TestStartBuilt(t *testing.T) {
	h := fake(t, "args")
	var said bytes.Buffer
	h.Stderr = &said
	p := small()
	run, err := p.Start(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(short(t)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	file := lines[len(lines)-1]
	if filepath.Dir(file) != h.Dir || strings.HasSuffix(file, ".bulkhead.hcl") || lines[2] != "--pipeline=small" {
		t.Errorf("arguments = %q", lines)
	}
	if left, _ := os.ReadDir(h.Dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	h.Dir = filepath.Join(h.Dir, "none")
	if _, err := p.Start(t.Context(), h); err == nil || !strings.Contains(err.Error(), "Host.Dir") {
		t.Errorf("no directory: %v", err)
	}
	p.Kernel("small", "no-kernel", pipeline.Ref{})
	if _, err := p.Start(t.Context(), h); !is[*pipeline.StepError](err) {
		t.Errorf("a mistake: %v", err)
	}
}

// TestManyRuns runs many at once and leaves no goroutine behind.
func TestManyRuns(t *testing.T) {
	h := fake(t, "good")
	before := runtime.NumGoroutine()
	var wait sync.WaitGroup
	for range 24 {
		wait.Go(func() {
			run, err := h.StartFile(t.Context(), "p.hcl")
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := run.Node("clean").Wait(short(t)); err != nil {
				t.Error(err)
			}
			if _, err := run.Wait(short(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	settled(t, before)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestStartFailsClean: a host that cannot be started leaves no file behind.
func TestStartFailsClean(t *testing.T) {
	for _, h := range []pipeline.Host{{Path: "/no/such/host"}, fake(t, "old"), fake(t, "mute")} {
		h.Dir = t.TempDir()
		if _, err := small().Start(t.Context(), h); err == nil {
			t.Errorf("%s started", h.Path)
		}
		if left, _ := os.ReadDir(h.Dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestGrace: a deaf host is given the time that it was promised, and is ended
// then.
func TestGrace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this host has no job on Windows that would end its children")
	}
	h := fake(t, "deaf")
	h.Grace = 100 * time.Millisecond
	run, err := h.StartFile(t.Context(), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Plan(short(t)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	run.Cancel()
	run.Cancel() // once more changes nothing
	_, err = run.Wait(short(t))
	if took := time.Since(began); took < h.Grace || took > promptly || !errors.Is(err, context.Canceled) {
		t.Errorf("took %v: %v", took, err)
	}
}

// TestHello: a host that says who it is is read as one that does not, and one of
// another protocol is not read at all.
func TestHello(t *testing.T) {
	run := start(t, "hello")
	if report, err := run.Wait(short(t)); err != nil || report.Pipeline != "p" {
		t.Fatalf("report = %+v, %v", report, err)
	}
	var kinds []pipeline.EventKind
	for e := range run.Events(t.Context()) {
		kinds = append(kinds, e.Kind)
		switch e.Kind {
		case pipeline.Hello:
			if e.Protocol != pipeline.Protocol || e.SchemaVersion != "1.2" || e.Tool.Name != "bulkhead" {
				t.Errorf("hello = %+v", e)
			}
		case pipeline.PreflightEnded:
			if e.Suite != "suite.box" || e.Status != pipeline.StatusOK || !bytes.Contains(e.Preflight, []byte("suite.box")) {
				t.Errorf("the preflight = %+v", e)
			}
		}
	}
	want := []pipeline.EventKind{pipeline.Hello, pipeline.PreflightStarted, pipeline.PreflightEnded, pipeline.RunStarted, pipeline.NodeEnded, pipeline.RunEnded}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %q", kinds)
	}
	_, err := start(t, "other-protocol").Wait(short(t))
	if wrong, ok := errors.AsType[*pipeline.ProtocolError](err); !ok || wrong.Line != 1 || !strings.Contains(err.Error(), "protocol 2") {
		t.Errorf("a host of another protocol: %v", err)
	}
}
