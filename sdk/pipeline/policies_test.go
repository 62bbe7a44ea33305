// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// runReal runs a pipeline to its end with the real host.
func runReal(t *testing.T, h pipeline.Host, p *pipeline.Pipeline) (*pipeline.Run, *pipeline.Report, error) {
	t.Helper()
	run, err := p.Start(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	report, err := run.Wait(short(t))
	return run, report, err
}

// TestRealBranches: with OnFailure(Continue) one branch fails and the other one
// goes on; what needs the first is skipped, and each future says its own.
func TestRealBranches(t *testing.T) {
	h := real(t)
	p := pipeline.New("branches")
	rows := p.Source("rows", pipeline.CSV("rows.csv"), pipeline.Target("y"))
	tight := p.Kernel("tight", "algorithms.auto", rows, pipeline.OnFailure(pipeline.Continue), pipeline.Timeout(time.Millisecond))
	p.Kernel("after", "data.prepare", tight)
	p.Kernel("clean", "data.prepare", rows)
	run, report, err := runReal(t, h, p)
	ctx := short(t)
	if result, err := run.Node("clean").Wait(ctx); err != nil || result.RowsOut != 400 {
		t.Errorf("clean = %+v, %v", result, err)
	}
	for name, want := range map[string][]string{"tight": {pipeline.StatusFailed, pipeline.StatusTimedOut}, "after": {pipeline.StatusSkipped}} {
		result, err := run.Node(name).Wait(ctx)
		wrong, ok := errors.AsType[*pipeline.NodeError](err)
		if !ok || !strings.Contains(strings.Join(want, " "), wrong.Status) || result == nil || result.Reason == "" {
			t.Errorf("%s = %+v, %v", name, result, err)
		}
	}
	if report == nil {
		t.Fatalf("no report: %v", err)
	}
	if n, ok := report.Node("clean"); !ok || n.Status != pipeline.StatusOK {
		t.Errorf("report = %+v", report.Nodes)
	}
}

// TestRealOff: a step that is off is no node of the run.
func TestRealOff(t *testing.T) {
	h := real(t)
	p := pipeline.New("off")
	deep := p.Variable("deep", pipeline.Type("bool"), pipeline.Default(false))
	rows := p.Source("rows", pipeline.CSV("rows.csv"))
	clean := p.Kernel("clean", "data.prepare", rows)
	second := p.Kernel("second", "data.prepare", clean, pipeline.When(deep))
	p.Sink("out", pipeline.FirstOf(second, clean), pipeline.JSONL("out.jsonl"))
	run, report, err := runReal(t, h, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Node("second").Wait(short(t)); !is[*pipeline.UnknownNodeError](err) {
		t.Errorf("second: %v", err)
	}
	if len(report.Sinks) != 1 || report.Sinks[0].Rows != 400 {
		t.Errorf("sinks = %+v", report.Sinks)
	}
	h.Vars = map[string]string{"deep": "true"}
	run, _, err = runReal(t, h, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Node("second").Wait(short(t)); err != nil {
		t.Errorf("second: %v", err)
	}
}

// TestRealModule builds a module and a pipeline that uses it twice.
func TestRealModule(t *testing.T) {
	h := real(t)
	text, err := features().HCL()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(h.Dir, "features"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.Dir, "features", "main.hcl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	p := pipeline.New("modules")
	rows := p.Source("rows", pipeline.CSV("rows.csv"), pipeline.Target("y"))
	once := p.Module("once", "./features", pipeline.Args{"rows": rows})
	twice := p.Module("twice", "./features", pipeline.Args{"rows": once.Output("rows"), "threshold": pipeline.EachValue},
		pipeline.ForEach(map[string]float64{"low": 0.1, "high": 0.9}))
	p.Kernel("model", "algorithms.ridge", twice.Key("high").Output("rows"))
	run, _, err := runReal(t, h, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"once.clean", "twice.high.clean", "kernel.model"} {
		if _, err := run.Node(name).Wait(short(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealPreflight: the machine does not pass, so that nothing is planned; with
// SkipPreflight it runs all the same.
func TestRealPreflight(t *testing.T) {
	h := real(t)
	p := pipeline.New("gated", pipeline.Preflight("require.enough"))
	p.Require("enough", pipeline.Raw(`fact.memory.total_bytes > bytes("900TiB")`), pipeline.Value("This machine is too small."))
	p.Kernel("clean", "data.prepare", p.Source("rows", pipeline.CSV("rows.csv")))
	run, report, err := runReal(t, h, p)
	if !is[*pipeline.RunError](err) || report.Status != pipeline.StatusRefused || !strings.Contains(string(report.Preflight), "too small") {
		t.Fatalf("report = %+v, %v", report, err)
	}
	if _, err := run.Plan(short(t)); !is[*pipeline.RunError](err) {
		t.Errorf("plan: %v", err)
	}
	h.SkipPreflight = true
	if _, _, err := runReal(t, h, p); err != nil {
		t.Errorf("without the preflight: %v", err)
	}
}

// TestRealTimeout: the deadline of the host, and not that of the context.
func TestRealTimeout(t *testing.T) {
	h := real(t)
	h.Timeout = time.Second
	_, report, err := runReal(t, h, endless(t, h))
	if !is[*pipeline.RunError](err) && !is[*pipeline.FailureError](err) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
	if report != nil && report.Status != pipeline.StatusTimedOut {
		t.Errorf("status = %s", report.Status)
	}
}

// TestRealCache: the second run computes nothing again.
func TestRealCache(t *testing.T) {
	h := real(t)
	yes, no := true, false
	p := ridge()
	for i, step := range []struct {
		cached *bool
		want   string
	}{{&yes, "miss"}, {&yes, "hit"}, {&no, ""}} {
		h.Cached = step.cached
		_, report, err := runReal(t, h, p)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := report.Node("clean"); n.Cache != step.want {
			t.Errorf("run %d: cache = %q, want %q", i, n.Cache, step.want)
		}
	}
}

// TestRealMissingVariable: the host says what the builder cannot know.
func TestRealMissingVariable(t *testing.T) {
	h := real(t)
	p := small()
	p.Variable("must", pipeline.Type("string"))
	_, _, err := runReal(t, h, p)
	if !is[*pipeline.FailureError](err) || !strings.Contains(err.Error(), "must") || !strings.Contains(err.Error(), ".bulkhead-") {
		t.Errorf("error = %v", err)
	}
}

// TestRealSave keeps tables and states where they were asked for.
func TestRealSave(t *testing.T) {
	h := real(t)
	h.Save = "saved"
	if _, _, err := runReal(t, h, ridge()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(h.Dir, "saved"))
	if err != nil || len(files) == 0 {
		t.Errorf("saved = %v, %v", files, err)
	}
}
