// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// benchPythonEnv names a python with torch to compare with.
const benchPythonEnv = "BULKHEAD_BENCH_PYTHON"

// BenchmarkDoctor times the whole command `bulkhead doctor` on an environment
// of 250 distributions with torch, caches warm, and beside it, in the same run
// and in turn, what people type today: python -m torch.utils.collect_env.
// "best-ms" is the fastest run, "plugins-ms" the longest that a plugin worked
// in it.
func BenchmarkDoctor(b *testing.B) {
	build(b)
	root, home := makeEnvironment(b), b.TempDir()
	diagnose := func() float64 {
		cmd := exec.Command(bulkhead(), "doctor", "--json", "--root", root, "--python", "/opt/env")
		cmd.Env = []string{"HOME=" + home, "TMPDIR=" + os.TempDir()}
		return runDoctor(b, cmd)
	}
	diagnose() // warms the caches
	python := os.Getenv(benchPythonEnv)
	if python == "" {
		b.Logf("no comparison: set %s to a python with torch", benchPythonEnv)
	}
	var ours, theirs []time.Duration
	var plugins float64
	for b.Loop() {
		begin := time.Now()
		worked := diagnose()
		ours = append(ours, time.Since(begin))
		if slices.Min(ours) == ours[len(ours)-1] {
			plugins = worked
		}
		if python != "" && len(theirs) < 5 {
			theirs = append(theirs, collectEnv(b, python))
		}
	}
	b.ReportMetric(milliseconds(slices.Min(ours)), "best-ms")
	b.ReportMetric(milliseconds(median(ours)), "median-ms")
	b.ReportMetric(plugins, "plugins-ms")
	if len(theirs) > 0 {
		b.ReportMetric(milliseconds(median(theirs)), "collect_env-ms")
		b.ReportMetric(float64(median(theirs))/float64(median(ours)), "times-faster")
	}
}

// runDoctor wants a whole diagnosis of the environment, and returns how long
// the slowest plugin worked, in milliseconds.
func runDoctor(b *testing.B, cmd *exec.Cmd) float64 {
	b.Helper()
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() > 2) {
		b.Fatalf("%v\n%s", err, out)
	}
	var report struct {
		Summary struct {
			ChecksRun int `json:"checks_run"`
		}
		Plugins []struct {
			DurationMS float64 `json:"duration_ms"`
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		b.Fatal(err)
	}
	if report.Summary.ChecksRun < 40 {
		b.Fatalf("%d checks ran", report.Summary.ChecksRun)
	}
	slowest := 0.0
	for _, p := range report.Plugins {
		slowest = max(slowest, p.DurationMS)
	}
	return slowest
}

func collectEnv(b *testing.B, python string) time.Duration {
	b.Helper()
	begin := time.Now()
	if out, err := exec.Command(python, "-m", "torch.utils.collect_env").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(begin)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

// TestEnvironmentOfTheBenchmark: it is healthy and whole, so that the figure is
// that of a full diagnosis.
func TestEnvironmentOfTheBenchmark(t *testing.T) {
	build(t)
	cmd := exec.Command(bulkhead(), "doctor", "--json", "--facts", "--root", makeEnvironment(t), "--python", "/opt/env")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	var report struct {
		Findings []struct{ Code, Detail string }
		Facts    []struct {
			Address string
			Value   json.RawMessage
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		t.Errorf("finding %s: %s", f.Code, f.Detail)
	}
	packages, objects := 0, 0
	for _, f := range report.Facts {
		switch f.Address {
		case "python.env[/opt/env].packages":
			var list []json.RawMessage
			_ = json.Unmarshal(f.Value, &list)
			packages = len(list)
		case "python.env[/opt/env].loads":
			var list []struct{ Objects int }
			_ = json.Unmarshal(f.Value, &list)
			for _, l := range list {
				objects += l.Objects
			}
		}
	}
	if packages != distributions || objects < 30 {
		t.Errorf("%d packages, %d shared libraries", packages, objects)
	}
}
