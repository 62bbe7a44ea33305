// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/checks"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// realTarget is this machine with the environment that $BULKHEAD_BENCH_PYTHON
// names by itself or by its interpreter, such as one with a published torch; the
// test is skipped without.
func realTarget(tb testing.TB) (*fact.Target, string) {
	tb.Helper()
	prefix := os.Getenv("BULKHEAD_BENCH_PYTHON")
	if prefix == "" {
		tb.Skip("BULKHEAD_BENCH_PYTHON names no environment")
	}
	if info, err := os.Stat(prefix); err == nil && !info.IsDir() {
		prefix = filepath.Dir(filepath.Dir(prefix)) // of the interpreter
	}
	return &fact.Target{Root: "/", Env: map[string]string{}, Pythons: []string{prefix}, OS: runtime.GOOS, Arch: runtime.GOARCH}, prefix
}

// BenchmarkRealDoctor is BenchmarkDoctor on a real environment.
func BenchmarkRealDoctor(b *testing.B) {
	best := time.Hour
	iteration := 0
	for b.Loop() {
		target, _ := realTarget(b)
		start := time.Now()
		facts, _ := fact.Observe(b.Context(), target, collect.Environments)
		iteration++
		check.Run(b.Context(), fact.NewSet(distinct(facts, iteration)), checks.All(), nil)
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
}

// BenchmarkRealClosure is the closure of every shared library below the
// environment: far more than the import of one framework loads.
func BenchmarkRealClosure(b *testing.B) {
	_, prefix := realTarget(b)
	var libraries []string
	for _, pattern := range []string{"", "*/", "*/*/", "*/*/*/", "*/*/*/*/"} {
		target, _ := realTarget(b)
		libraries = append(libraries, target.Glob(prefix+"/lib/python3*/site-packages/"+pattern+"*.so*")...)
	}
	best, objects := time.Hour, 0
	for b.Loop() {
		target, _ := realTarget(b)
		start := time.Now()
		loader := elfdeps.NewLoader(target, "", target.Glob(prefix+"/lib/python3*/site-packages"), nil)
		objects = loader.Walk(libraries).Objects
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
	b.ReportMetric(float64(objects), "objects")
}

// BenchmarkClosure is the closure of what `import torch` loads in the large
// environment: all of its libraries are read, and the symbols between them held
// against each other.
func BenchmarkClosure(b *testing.B) {
	tr := fakeenv.Large(b)
	site := "/opt/env/lib/python3.11/site-packages"
	best, objects := time.Hour, 0
	for b.Loop() {
		target := &fact.Target{Root: tr.Target.Root, Env: tr.Target.Env, Home: tr.Target.Home, OS: "linux", Arch: "amd64"}
		start := time.Now()
		roots := append(target.Glob(site+"/torch/lib/libtorch_global_deps.so"), target.Glob(site+"/torch/_C.*.so")...)
		result := elfdeps.NewLoader(target, "", []string{site}, nil).Walk(roots)
		best, objects = min(best, time.Since(start)), result.Objects
	}
	if objects < 30 {
		b.Fatalf("%d libraries", objects)
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
	b.ReportMetric(float64(objects), "objects")
}
