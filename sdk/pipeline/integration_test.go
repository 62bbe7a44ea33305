// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// real is the host that `make build` left in the directory BULKHEAD_TEST_BIN, in
// an empty directory with a table, and with a home of its own.
func real(t testing.TB) pipeline.Host {
	t.Helper()
	bin := os.Getenv("BULKHEAD_TEST_BIN")
	if bin == "" {
		t.Skip("BULKHEAD_TEST_BIN names no directory with a built host; `make test` does")
	}
	path, err := filepath.Abs(filepath.Join(bin, "bulkhead"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	home, dir := t.TempDir(), t.TempDir()
	rows := "a,b,y\n"
	for i := range 400 {
		rows += fmt.Sprintf("%d,%d,%d\n", i, i*i%17, 3*i+i*i%17)
	}
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	env := slices.DeleteFunc(os.Environ(), func(line string) bool { return strings.HasPrefix(line, "XDG_") })
	for _, kind := range []string{"STATE", "DATA", "CACHE", "CONFIG"} {
		env = append(env, "XDG_"+kind+"_HOME="+filepath.Join(home, kind))
	}
	return pipeline.Host{Path: path, Dir: dir, Env: env}
}

// ridge is a pipeline whose plugins every host has.
func ridge() *pipeline.Pipeline {
	p := pipeline.New("ridge")
	alpha := p.Variable("alpha", pipeline.Type("number"), pipeline.Default(1))
	rows := p.Source("rows", pipeline.CSV("rows.csv"), pipeline.Target("y"))
	clean := p.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": 0.5})
	model := p.Kernel("model", "algorithms.ridge", clean, pipeline.ForEach([]string{"a", "b"}), pipeline.Seed(7), pipeline.Config{"alpha": alpha})
	p.Sink("out", model.Key("b"), pipeline.CSV("out.csv"))
	return p
}

func TestRealRun(t *testing.T) {
	h := real(t)
	h.Vars = map[string]string{"alpha": "0.5"}
	run, err := ridge().Start(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	ctx := short(t)
	clean, err := run.Node("clean").Wait(ctx)
	if err != nil || clean.RowsIn != 400 || clean.RowsOut != 400 || clean.Use != "data.prepare" {
		t.Fatalf("clean = %+v, %v", clean, err)
	}
	model, err := run.Node("model.b").Wait(ctx)
	if err != nil || model.State == nil || len(model.State.SHA256) != 64 {
		t.Fatalf("model = %+v, %v", model, err)
	}
	if sink, err := run.Node("out").Wait(ctx); err != nil || sink.Name != "sink.out" || sink.RowsIn != 400 {
		t.Errorf("sink = %+v, %v", sink, err)
	}
	report, err := run.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.RunID) != 16 || len(report.Sinks) != 1 || report.Sinks[0].Rows != 400 {
		t.Errorf("report = %+v", report)
	}
	if _, err := os.Stat(filepath.Join(h.Dir, "out.csv")); err != nil {
		t.Error(err)
	}
	kinds := map[pipeline.EventKind]bool{}
	for e := range run.Events(ctx) {
		kinds[e.Kind] = true
	}
	for _, want := range []pipeline.EventKind{pipeline.RunStarted, pipeline.NodeStarted, pipeline.CallStarted, pipeline.CallEnded, pipeline.NodeEnded, pipeline.RunEnded} {
		if !kinds[want] {
			t.Errorf("no event %s", want)
		}
	}
}

// TestRealRefusal: a mistake that only the host can see.
func TestRealRefusal(t *testing.T) {
	h := real(t)
	p := small()
	p.Kernel("model", "algorithms.no_such_kernel", pipeline.Named("kernel.clean"))
	run, err := p.Start(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	_, err = run.Wait(short(t))
	failure, ok := errors.AsType[*pipeline.FailureError](err)
	if !ok || failure.ExitCode == 0 || !strings.Contains(err.Error(), "no_such_kernel") {
		t.Errorf("error = %v", err)
	}
	if _, nodeErr := run.Node("model").Wait(short(t)); !is[*pipeline.FailureError](nodeErr) {
		t.Errorf("the node: %v", nodeErr)
	}
}

// endless is a pipeline whose fit ends by itself on no machine while a test looks
// at it: 255 folds of 40,000 rows, 20 columns and ten classes are minutes of work.
func endless(t *testing.T, h pipeline.Host) *pipeline.Pipeline {
	t.Helper()
	var rows strings.Builder
	for i := range 20 {
		fmt.Fprintf(&rows, "x%d,", i)
	}
	rows.WriteString("y\n")
	r := rand.New(rand.NewPCG(1, 2))
	for range 40_000 {
		for range 20 {
			fmt.Fprintf(&rows, "%.3f,", r.Float64())
		}
		fmt.Fprintf(&rows, "class %d\n", r.IntN(10))
	}
	if err := os.WriteFile(filepath.Join(h.Dir, "many.csv"), []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := pipeline.New("long")
	p.Kernel("model", "algorithms.auto", p.Source("many", pipeline.CSV("many.csv"), pipeline.Target("y")),
		pipeline.Budget(30*time.Minute), pipeline.Config{"folds": 255})
	return p
}

// fitting waits until the kernel of a run works.
func fitting(t *testing.T, run *pipeline.Run) {
	t.Helper()
	for e := range run.Events(short(t)) {
		if e.Kind == pipeline.CallStarted && e.Call == "fit" {
			return
		}
	}
	_, err := run.Wait(short(t))
	t.Fatalf("the run ended before its fit: %v", err)
}

// TestRealCancel ends a run in the middle of its work, and what the host left is
// complete.
func TestRealCancel(t *testing.T) {
	h := real(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run, err := endless(t, h).Start(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	fitting(t, run)
	began := time.Now()
	cancel()
	report, err := run.Wait(short(t))
	if took := time.Since(began); took > promptly {
		t.Errorf("took %v", took)
	}
	t.Logf("cancelled in %v: %v", time.Since(began), err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	if report != nil && report.Status != pipeline.StatusCancelled {
		t.Errorf("status = %s", report.Status)
	}
}

// TestRealForms: the host takes HCL and JSON alike, formats the first as we do,
// and plans the same nodes of both.
func TestRealForms(t *testing.T) {
	h := real(t)
	p := everything()
	hcl, err := p.HCL()
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	module, err := features().HCL()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"hcl", "json", "features"} {
		if err := os.Mkdir(filepath.Join(h.Dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{"hcl/bulkhead.hcl": hcl, "json/bulkhead.hcl.json": text, "features/main.hcl": module}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(h.Dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bulkhead(t, h, "fmt", "--check", "--diff", "hcl", "json", "features")
	for _, dir := range []string{"hcl", "json"} {
		bulkhead(t, h, "validate", dir)
	}
}

// TestRealPlans wants the same plan of both forms of a pipeline that can run.
func TestRealPlans(t *testing.T) {
	h := real(t)
	p := ridge()
	hcl, _ := p.HCL()
	text, _ := p.JSON()
	var plans [2]struct{ Plan pipeline.Plan }
	for i, file := range []string{"a.bulkhead.hcl", "b.bulkhead.hcl.json"} {
		if err := os.WriteFile(filepath.Join(h.Dir, file), [][]byte{hcl, text}[i], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(bulkhead(t, h, "plan", "--json", file), &plans[i]); err != nil {
			t.Fatal(err)
		}
	}
	names := func(p pipeline.Plan) (out []string) {
		for _, n := range p.Nodes {
			out = append(out, n.Name+" "+n.Use+" "+strings.Join(n.Inputs, ","))
		}
		return out
	}
	if a, b := names(plans[0].Plan), names(plans[1].Plan); !slices.Equal(a, b) || len(a) < 5 {
		t.Errorf("plans differ:\n%q\n%q", a, b)
	}
}

// bulkhead runs a command of the host and returns its standard output.
func bulkhead(t *testing.T, h pipeline.Host, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(short(t), h.Path, args...)
	cmd.Dir, cmd.Env = h.Dir, h.Env
	out, err := cmd.Output()
	if err != nil {
		exit, _ := errors.AsType[*exec.ExitError](err)
		t.Fatalf("bulkhead %s: %v\n%s\n%s", strings.Join(args, " "), err, out, exit.Stderr)
	}
	return out
}

func TestRealConcurrentRuns(t *testing.T) {
	h := real(t)
	h.NoRecord = true
	ctx := short(t)
	starts := slices.Values([]string{"0.1", "1", "10", "100"})
	report := func(ctx context.Context, alpha string) (*pipeline.Report, error) {
		one := h
		one.Vars = map[string]string{"alpha": alpha}
		p := ridge()
		p.Sink("own", pipeline.Named(`kernel.model["a"]`), pipeline.CSV("own-"+alpha+".csv"))
		file, err := p.HCL()
		if err != nil {
			return nil, err
		}
		name := filepath.Join(h.Dir, "run-"+alpha+".hcl")
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(file), `"out.csv"`, `"out-`+alpha+`.csv"`)), 0o600); err != nil {
			return nil, err
		}
		run, err := one.StartFile(ctx, name)
		if err != nil {
			return nil, err
		}
		return run.Wait(ctx)
	}
	digests := map[string]bool{}
	for r, err := range pipeline.Gather(ctx, 2, starts, report) {
		if err != nil {
			t.Fatal(err)
		}
		digests[r.Sinks[0].SHA256] = true
	}
	if len(digests) != 4 {
		t.Errorf("digests = %v", digests)
	}
}
