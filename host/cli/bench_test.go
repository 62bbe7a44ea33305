// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// benchPythonEnv names an interpreter with torch to compare with, or the
// directory of its environment.
const benchPythonEnv = "BULKHEAD_BENCH_PYTHON"

// BenchmarkDoctor times the whole command `bulkhead doctor` on an environment
// of 250 distributions with torch, files in memory and all plugins sandboxed, by
// turns without the cache of answers and with it:
//
//	doctor-ms      the fastest run without the cache; median-ms, cpu-ms: the median,
//	               and the processor time of all its processes
//	plugins-ms     the longest that a plugin collected and checked in the fastest run
//	cached-ms      the fastest run with the cache
//	host-peak-MiB  memory of the host, where the system tells
func BenchmarkDoctor(b *testing.B) {
	build(b)
	root, home := makeEnvironment(b), b.TempDir()
	examine := []string{"--root", root, "--python", "/opt/env"}
	fresh := &timed{home: home, args: append(examine, "--no-cache")}
	cached := &timed{home: home, args: examine}
	fresh.warm(b)
	cached.warm(b)
	for b.Loop() {
		fresh.run(b)
		cached.run(b)
	}
	b.ReportMetric(milliseconds(slices.Min(fresh.wall)), "doctor-ms")
	b.ReportMetric(milliseconds(median(fresh.wall)), "median-ms")
	b.ReportMetric(milliseconds(median(fresh.cpu)), "cpu-ms")
	b.ReportMetric(fresh.plugins, "plugins-ms")
	b.ReportMetric(milliseconds(slices.Min(cached.wall)), "cached-ms")
	if fresh.peak > 0 {
		b.ReportMetric(float64(fresh.peak)/(1<<20), "host-peak-MiB")
	}
}

// BenchmarkCollectEnv times the doctor and what people type today, which is
// `python -m torch.utils.collect_env`, by turns on one real environment.
func BenchmarkCollectEnv(b *testing.B) {
	python := benchPython(b)
	build(b)
	ours := &timed{home: b.TempDir(), args: []string{"--no-cache", "--python", python}}
	ours.warm(b)
	var theirs []time.Duration
	for b.Loop() {
		ours.run(b)
		if len(theirs) < 5 {
			theirs = append(theirs, collectEnv(b, python))
		}
	}
	b.ReportMetric(milliseconds(median(ours.wall)), "doctor-ms")
	b.ReportMetric(milliseconds(median(theirs)), "collect_env-ms")
	b.ReportMetric(float64(median(theirs))/float64(median(ours.wall)), "times-faster")
}

// benchPython is the interpreter to compare with.
func benchPython(b *testing.B) string {
	b.Helper()
	python := os.Getenv(benchPythonEnv)
	if python == "" {
		b.Skipf("no comparison: set %s to a python with torch", benchPythonEnv)
	}
	if info, err := os.Stat(python); err == nil && info.IsDir() {
		return filepath.Join(python, "bin", "python")
	}
	return python
}

// BenchmarkClosure is the benchmark of that name in the Python plugin: the closure
// of the shared libraries of the same kind of environment.
func BenchmarkClosure(b *testing.B) {
	build(b)
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkClosure$", "-benchtime", "20x", "./plugins/builtin-python")
	cmd.Dir = built.repo
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() { // it was timed there
	}
	b.ReportMetric(metric(b, out, "best-ms"), "closure-ms")
	b.ReportMetric(metric(b, out, "objects"), "objects")
}

// metric is the figure before a unit in the output of a benchmark.
func metric(b *testing.B, out []byte, unit string) float64 {
	b.Helper()
	fields := strings.Fields(string(out))
	if i := slices.Index(fields, unit); i > 0 {
		if v, err := strconv.ParseFloat(fields[i-1], 64); err == nil {
			return v
		}
	}
	b.Fatalf("no %s in:\n%s", unit, out)
	return 0
}

// timed is a doctor that is run many times.
type timed struct {
	home string
	args []string
	wall []time.Duration
	cpu  []time.Duration // with that of all plugins
	// plugins is how long the slowest plugin worked in the fastest run, in
	// milliseconds, peak the most memory of the host, in bytes.
	plugins float64
	peak    int64
}

// warm runs it once, for the caches of the system and of descriptions.
func (d *timed) warm(b *testing.B) {
	d.run(b)
	d.wall, d.cpu = nil, nil
}

func (d *timed) run(b *testing.B) {
	b.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.Command(bulkhead(), append([]string{"doctor", "--json"}, d.args...)...)
	cmd.Env = []string{"HOME=" + d.home, "TMPDIR=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = &out, &complaints
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	took := time.Since(begin)
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() > 2) {
		b.Fatalf("%v\n%s%s", err, &out, &complaints)
	}
	worked := slowestPlugin(b, out.Bytes())
	d.wall = append(d.wall, took)
	d.cpu = append(d.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	d.peak = max(d.peak, peak())
	if slices.Min(d.wall) == took {
		d.plugins = worked
	}
}

// slowestPlugin wants a whole diagnosis, and returns how long the slowest plugin
// worked, in milliseconds.
func slowestPlugin(b *testing.B, out []byte) float64 {
	b.Helper()
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

// watchMemory looks at the peak of a process's memory as long as it runs, and
// returns what gives it in bytes; 0 where there is no /proc.
func watchMemory(pid int) func() int64 {
	done := make(chan int64, 1)
	go func() {
		var peak int64
		for {
			data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, found := strings.Cut(string(data), "VmHWM:")
			if err != nil || !found { // it is gone
				break
			}
			if fields := strings.Fields(rest); len(fields) > 0 {
				kib, _ := strconv.ParseInt(fields[0], 10, 64) // the kernel writes numbers
				peak = max(peak, kib<<10)
			}
			time.Sleep(5 * time.Millisecond)
		}
		done <- peak
	}()
	return func() int64 { return <-done }
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
