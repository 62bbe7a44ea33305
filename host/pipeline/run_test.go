// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/sink"
)

func run(t testing.TB, f *fleet, o Options, nodes ...Node) (*Result, error) {
	t.Helper()
	result, err := Run(context.Background(), mustPlan(t, f, nodes...), f, Events{}, o)
	t.Cleanup(result.Close)
	return result, err
}

func csvOf(t testing.TB, table Table) string {
	t.Helper()
	if table == nil {
		t.Fatal("no table was kept")
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	out, err := sink.Create(context.Background(), sink.Spec{Path: path}, table.Schema(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range table.Batches(context.Background()) {
		if err == nil {
			err = out.Write(batch)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRun(t *testing.T) {
	f, events := newFleet(t), &log{}
	plan := mustPlan(t, f, rowsNode(t, 4), step("scaled", "scale", "rows"), step("dropped", "drop", "scaled"), step("scored", "score", "scaled"))
	result, err := Run(context.Background(), plan, f, events.events(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	want := "x,y,s\n0.14285714285714285,0,\"a,0\"\n0.42857142857142855,1,\"a,1\"\n0.7142857142857143,0,\"a,2\"\n"
	if got := csvOf(t, result.Node("dropped").Table()); got != want {
		t.Errorf("output\n%swant\n%s", got, want)
	}
	scaled := result.Node("scaled")
	if string(scaled.State) != "3.5" || scaled.StateBytes != 3 || len(scaled.StateSHA256) != 64 || string(scaled.Transform.Report) != `{"max":3.5}` {
		t.Errorf("result %+v", scaled)
	}
	if d := result.Node("dropped"); d.RowsIn != 4 || d.RowsOut != 3 || d.RowsDropped != 1 || len(d.Problems) != 0 || d.Fit != nil || d.Attempts != 1 {
		t.Errorf("result %+v", d)
	}
	if s := result.Node("scored"); s.Transform != nil || s.Table() != nil || string(s.Fit.Report) != `{"accuracy":1}` {
		t.Errorf("result %+v", s)
	}
	if result.Status != OK || result.PeakTableBytes == 0 || scaled.Table() != nil {
		t.Errorf("result %+v", result)
	}
	for _, line := range []string{"start rows", "scaled fit 0.50 half way", "scaled transform 1.00", "end scored ok"} {
		if !events.has(line) {
			t.Errorf("no event %q in %q", line, events.lines)
		}
	}
}

func TestBranchesRunAtTheSameTime(t *testing.T) {
	f := newFleet(t)
	result, err := run(t, f, Options{Parallel: 4}, rowsNode(t, 4), step("a", "meet", "rows"), step("b", "meet", "rows"), step("c", "meet", "rows"))
	if err != nil || result.Status != OK {
		t.Fatal(err)
	}
	a, b := result.Node("a"), result.Node("b")
	if a.StartedAt.Add(a.Wall).Before(b.StartedAt) || b.StartedAt.Add(b.Wall).Before(a.StartedAt) {
		t.Errorf("a and b did not overlap")
	}
}

func TestParallelIsBounded(t *testing.T) {
	result, err := run(t, newFleet(t), Options{Parallel: 1}, rowsNode(t, 4), step("a", "sleep", "rows"), step("b", "sleep", "rows"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := result.Node("a"), result.Node("b"); b.StartedAt.Before(a.StartedAt.Add(a.Wall)) {
		t.Error("b started before a had ended")
	}
}

func TestRunsAreDeterministic(t *testing.T) {
	f, path := newFleet(t), rowsNode(t, 500)
	var first string
	for range 3 {
		result, err := run(t, f, Options{Keep: KeepAll}, path, step("a", "scale", "rows"), step("b", "drop", "a"), step("c", "drop", "rows"))
		if err != nil {
			t.Fatal(err)
		}
		text := csvOf(t, result.Node("b").Table()) + csvOf(t, result.Node("c").Table()) + result.Node("a").StateSHA256
		if first == "" {
			first = text
		}
		if text != first {
			t.Fatal("two runs differ")
		}
	}
}

func TestCancelStops(t *testing.T) {
	f := newFleet(t)
	plan := mustPlan(t, f, rowsNode(t, 4), step("a", "hang", "rows"), step("b", "drop", "a"))
	ctx, cancel := context.WithCancelCause(context.Background())
	var at time.Time
	read, called := false, false
	enough := func() {
		if read && called {
			at = time.Now()
			cancel(errTest)
		}
	}
	result, err := Run(ctx, plan, f, Events{
		NodeEnded:   func(n *NodeResult) { read = read || n.Name == "rows"; enough() },
		CallStarted: func(name, _ string, _ int) { called = called || name == "a"; enough() },
	}, Options{})
	if took := time.Since(at); took > slow*time.Second {
		t.Errorf("the run ended after %s", took)
	}
	if !errors.Is(err, errTest) || result.Status != Cancelled {
		t.Errorf("status %s, error %v", result.Status, err)
	}
	for name, want := range map[string]Status{"rows": OK, "a": Cancelled, "b": Cancelled} {
		if n := result.Node(name); n.Status != want || want != OK && n.Reason != errTest.Error() {
			t.Errorf("%s is %s: %s", name, n.Status, n.Reason)
		}
	}
}

func TestFailuresOfKernels(t *testing.T) {
	for kernelName, says := range map[string]string{
		"crash":  "index out of range",
		"change": "columns",
		"flood":  "do not fit",
		"bloat":  "state is larger than 1048576 bytes",
	} {
		t.Run(kernelName, func(t *testing.T) {
			result, err := run(t, newFleet(t), Options{MaxTableBytes: 1 << 20, MaxSpillBytes: 1 << 20}, rowsNode(t, 40), step("a", kernelName, "rows"), step("b", "scale", "a"))
			p, ok := errors.AsType[*Problem](err)
			if !ok || p.Node != "a" || !strings.Contains(p.Error(), says) {
				t.Errorf("error %v does not say %q", err, says)
			}
			if result.Status != Failed || result.Node("a").Status != Failed || result.Node("b").Status != Skipped {
				t.Errorf("result %+v", result)
			}
		})
	}
}

func TestStopEndsOtherBranches(t *testing.T) {
	began := time.Now()
	result, err := run(t, newFleet(t), Options{Parallel: 3}, rowsNode(t, 4), step("h", "hang", "rows"), step("a", "crash", "rows"))
	if err == nil || result.Node("h").Status != Cancelled || result.Node("h").Reason != "a failed" {
		t.Errorf("result %+v, error %v", result.Node("h"), err)
	}
	if time.Since(began) > slow*time.Second {
		t.Error("the other branch went on")
	}
}

func TestContinueSkipsDependants(t *testing.T) {
	bad := step("bad", "crash", "rows")
	bad.OnFailure = Continue
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), bad, step("x", "drop", "bad"), step("y", "drop", "x"), step("good", "drop", "rows"))
	if err != nil || result.Status != Partial {
		t.Fatalf("status %s, error %v", result.Status, err)
	}
	for name, want := range map[string]Status{"bad": Failed, "x": Skipped, "y": Skipped, "good": OK} {
		if n := result.Node(name); n.Status != want || want == Skipped && n.Reason != "bad failed" {
			t.Errorf("%s is %s: %s", name, n.Status, n.Reason)
		}
	}
}

func TestRetryAfterLostProcess(t *testing.T) {
	f := newFleet(t)
	n := step("a", "scale", "rows")
	n.OnFailure, n.Retries = Retry, 3
	f.deaths.Store(2)
	result, err := run(t, f, Options{Backoff: time.Millisecond}, rowsNode(t, 4), n)
	if err != nil || result.Node("a").Attempts != 3 || result.Node("a").RowsOut != 4 {
		t.Errorf("result %+v, error %v", result.Node("a"), err)
	}
	f.deaths.Store(100)
	result, err = run(t, f, Options{Backoff: time.Millisecond}, rowsNode(t, 4), n)
	if _, lost := errors.AsType[*dataplane.TransportError](err); !lost || result.Node("a").Attempts != 4 {
		t.Errorf("result %+v, error %v", result.Node("a"), err)
	}
	f.deaths.Store(0)
}

func TestRefusalsAreNotRetried(t *testing.T) {
	n := step("b", "refuse", "a")
	n.OnFailure = Retry
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), step("a", "drop", "rows"), n)
	p, ok := errors.AsType[*Problem](err)
	if !ok || result.Node("b").Attempts != 1 || strings.Join(p.Path, ".") != "config.low" {
		t.Errorf("result %+v, error %v", result.Node("b"), err)
	}
}

func TestBudgetIsEnforced(t *testing.T) {
	n := step("a", "hang", "rows")
	n.Budget = 100 * time.Millisecond
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), n)
	if err == nil || !strings.Contains(err.Error(), "budget of 100ms") {
		t.Errorf("error %v", err)
	}
	if wall := result.Node("a").Wall; wall < BudgetGrace || wall > slow*time.Second || result.Node("a").Status != Failed {
		t.Errorf("the node took %s and is %s", wall, result.Node("a").Status)
	}
}

func TestTimeoutIsEnforced(t *testing.T) {
	n := step("a", "hang", "rows")
	n.Timeout = 100 * time.Millisecond
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), n)
	if err == nil || !strings.Contains(err.Error(), "timeout of 100ms") || result.Node("a").Wall > slow*time.Second {
		t.Errorf("error %v after %s", err, result.Node("a").Wall)
	}
}

func TestLostRowsAreTold(t *testing.T) {
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), step("a", "lose", "rows"))
	a := result.Node("a")
	if err != nil || len(a.Problems) != 1 || a.Problems[0].Severity != SeverityWarning || !strings.Contains(a.Problems[0].Detail, "3 unaccounted") {
		t.Errorf("problems %v, error %v", a.Problems, err)
	}
}

func TestEmptyOutputHasNoConsumer(t *testing.T) {
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), step("a", "empty", "rows"), step("b", "drop", "a"))
	if err == nil || !strings.Contains(err.Error(), "a wrote no batch") || result.Node("a").Status != OK {
		t.Errorf("error %v", err)
	}
}

func TestTablesAreReleased(t *testing.T) {
	f := newFleet(t)
	plan := mustPlan(t, f, rowsNode(t, 2000), step("a", "scale", "rows"), step("b", "scale", "a"), step("c", "scale", "b"), step("d", "scale", "c"))
	all, err := Run(context.Background(), plan, f, Events{}, Options{Keep: KeepAll})
	if err != nil {
		t.Fatal(err)
	}
	all.Close()
	ends, err := Run(context.Background(), plan, f, Events{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ends.Close()
	if 2*ends.PeakTableBytes > all.PeakTableBytes {
		t.Errorf("tables take %d bytes, and %d when all are kept", ends.PeakTableBytes, all.PeakTableBytes)
	}
}

func TestSourceThatDoesNotFitIsStreamed(t *testing.T) {
	result, err := run(t, newFleet(t), Options{MaxTableBytes: 100 << 10, Keep: KeepNone}, rowsNode(t, 3000), step("a", "score", "rows"), step("b", "score", "rows"))
	if err != nil || result.PeakTableBytes != 0 || result.Node("b").RowsIn != 3000 {
		t.Errorf("result %+v, error %v", result, err)
	}
}

func TestUnknownPluginAtRun(t *testing.T) {
	f := newFleet(t)
	n := step("b", "drop", "a")
	n.Use.Plugin = "absent"
	result, err := run(t, f, Options{}, rowsNode(t, 4), step("a", "drop", "rows"), n)
	if err == nil || !strings.Contains(err.Error(), "not installed") || result.Node("b").Attempts != 1 {
		t.Errorf("error %v", err)
	}
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	f := newFleet(t)
	n := step("a", "hang", "rows")
	n.Timeout = 20 * time.Millisecond
	plan := mustPlan(t, f, rowsNode(t, 4), n, step("b", "sleep", "rows"))
	once := func() {
		result, err := Run(context.Background(), plan, f, Events{}, Options{Parallel: 4})
		if err == nil {
			t.Error("no error")
		}
		result.Close()
	}
	once()
	time.Sleep(100 * time.Millisecond)
	before := runtime.NumGoroutine()
	for range 10 {
		once()
	}
	settled(t, before)
}
