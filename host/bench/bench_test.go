// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/probe"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	os.Exit(m.Run())
}

func counted(samples ...float64) Benchmark {
	return Benchmark{Name: "x", Unit: "s", prepare: func(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
		next := -1
		return func(context.Context) (float64, error) {
			next++
			if next == len(samples) {
				return 0, errEnough
			}
			return samples[next], nil
		}, nil, nil
	}}
}

func TestRunLeavesTheWarmUpOut(t *testing.T) {
	got, err := Run(context.Background(), []Benchmark{counted(1000, 3, 1, 2)}, Options{Rounds: 3})
	if err != nil || len(got) != 1 || got[0].Median != 2 || len(got[0].Samples) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if got[0].Low < 1 || got[0].High > 3 || got[0].Low > got[0].High {
		t.Errorf("interval %+v", got[0].Estimate)
	}
}

func TestRunTellsWhatItSkips(t *testing.T) {
	broken := Benchmark{Name: "y", prepare: func(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
		return nil, nil, errors.New("there is no disk")
	}}
	got, err := Run(context.Background(), []Benchmark{broken, counted(1, 2, 3, 4)}, Options{Rounds: 3})
	if err != nil || got[0].Skipped != "there is no disk" || got[1].Skipped != "" {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, []Benchmark{counted(1)}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// The machine's own benchmarks give figures of a machine of this century.
func TestMachine(t *testing.T) {
	limits := map[string][2]float64{
		"cpu.gemm": {1e-3, 1e6}, "memory.triad": {1e-3, 1e5}, "disk.write": {1e-3, 1e6}, "disk.read": {1e-3, 1e7},
		"disk.random_read": {0.1, 1e9}, "process.start": {1e-3, 1e5},
	}
	dir := t.TempDir()
	results, err := Run(context.Background(), Machine(), Options{Rounds: 3, Budget: time.Millisecond, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		bounds, ok := limits[r.Name]
		switch {
		case !ok:
			t.Errorf("%s: no bounds", r.Name)
		case r.Skipped != "" && runtime.GOOS == "linux" && !inMemory(dir):
			t.Errorf("%s is skipped: %s", r.Name, r.Skipped)
		case r.Skipped == "" && (r.Median < bounds[0] || r.Median > bounds[1]):
			t.Errorf("%s = %g %s", r.Name, r.Median, r.Unit)
		}
	}
}

func TestDiskLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	all := Machine()
	if _, err := Run(context.Background(), all[2:3], Options{Rounds: 1, Budget: time.Millisecond, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	got, _ := Run(context.Background(), all[2:3], Options{Rounds: 1, Dir: filepath.Join(dir, "none")})
	if !strings.Contains(got[0].Skipped, "no such file") && runtime.GOOS != "windows" {
		t.Errorf("a directory that is not there: %+v", got[0])
	}
}

func TestProductIsRight(t *testing.T) {
	a, b, c := make([]float64, gemmSize*gemmSize), make([]float64, gemmSize*gemmSize), make([]float64, gemmSize*gemmSize)
	for i := range a {
		a[i], b[i] = float64(i%11), float64(i%13)
	}
	gemm(a, b, c)
	for _, at := range [][2]int{{0, 0}, {511, 511}, {3, 200}, {300, 64}} {
		if got, want := c[at[0]*gemmSize+at[1]], product(a, b, at[0], at[1]); got != want {
			t.Errorf("c[%v] = %g, want %g", at, got, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	steady := []float64{10, 10.1, 9.9, 10, 10.05, 9.95, 10, 10.02}
	scale := func(s []float64, by float64) []float64 {
		out := make([]float64, len(s))
		for i := range s {
			out[i] = s[i] * by
		}
		return out
	}
	wild := []float64{5, 15, 8, 12, 10, 7, 14, 9}
	for _, c := range []struct {
		now, then []float64
		lower     bool
		want      string
	}{
		{scale(steady, 0.8), steady, false, Regression},
		{scale(steady, 1.3), steady, false, Improvement},
		{scale(steady, 1.3), steady, true, Regression},
		{scale(steady, 1.01), steady, false, Same},
		{wild, steady, false, Undecided},
	} {
		got := Compare([]Result{{Name: "x", Samples: c.now, Lower: c.lower}}, []Result{{Name: "x", Samples: c.then}})
		if got[0].Verdict != c.want {
			t.Errorf("%v against %v: %s (%+v), want %s", c.now, c.then, got[0].Verdict, got[0].Ratio, c.want)
		}
	}
	got := Compare([]Result{{Name: "x", Samples: steady}, {Name: "s", Skipped: "no"}}, nil)
	if len(got) != 1 || got[0].Verdict != New {
		t.Errorf("without a baseline: %+v", got)
	}
}

func TestEstimateIsRepeatable(t *testing.T) {
	samples := []float64{3, 1, 2, 5, 4, 8, 7, 6}
	if a, b := Estimated(samples), Estimated(samples); a != b {
		t.Errorf("%+v and %+v", a, b)
	}
	if got := Estimated(nil); got != (Estimate{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestHistory(t *testing.T) {
	h := History{Path: filepath.Join(t.TempDir(), "deep", "bench.jsonl")}
	if got, _, err := h.Read(); err != nil || len(got) != 0 {
		t.Fatalf("before the first: %v, %v", got, err)
	}
	e := Entry{SchemaVersion: EntryVersion, At: time.Now(), Machine: Subject{CPU: "a", GPUs: []string{}}, Results: []Result{{Name: "x"}}}
	if err := h.Append(e); err != nil {
		t.Fatal(err)
	}
	torn, err := os.OpenFile(h.Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = torn.WriteString(`{"schema_version":"1.0","at":"20`)
	_ = torn.Close()
	if err := h.Append(e); err != nil {
		t.Fatal(err)
	}
	got, skipped, err := h.Read()
	if err != nil || len(got) != 2 || skipped != 1 {
		t.Errorf("%d entries, %d skipped, %v", len(got), skipped, err)
	}
}

func TestBaseline(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"version": `{"schema_version": "9.0", "at": "2026-01-01T00:00:00Z"}`, "json": `{`, "time": `{"schema_version": "1.0"}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBaseline(file); err == nil || !strings.Contains(err.Error(), "bulkhead bench --save") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSameMachine(t *testing.T) {
	a := Subject{CPU: "x", GPUs: []string{"T4"}, Kernel: "6.1"}
	b := a
	b.Kernel = "6.18"
	if !a.Same(b) {
		t.Error("a newer kernel makes another machine")
	}
	b.GPUs = []string{"H200"}
	if a.Same(b) {
		t.Error("another GPU makes no other machine")
	}
}

func TestScripts(t *testing.T) {
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip("no python3 here")
	}
	name := strings.TrimSpace(string(python))
	o := Options{Rounds: 3, Probe: probe.Options{Home: "/root"}}
	got, err := Run(context.Background(), append(Environment("/env", name, []string{"json", "not_there"}), GPU("/env", name, true)...), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		switch {
		case r.Name == "import[/env/json]" && (r.Skipped != "" || r.Median <= 0 || r.Median > 10):
			t.Errorf("%+v", r)
		case r.Name == "import[/env/not_there]" && !strings.Contains(r.Skipped, "No module named 'not_there'"):
			t.Errorf("%+v", r)
		case strings.HasPrefix(r.Name, "gpu.copy") && r.Skipped == "" && r.Median < 0.1:
			t.Errorf("%+v", r)
		}
	}
}

func TestGEMMOfNumpy(t *testing.T) {
	python := os.Getenv("BULKHEAD_TEST_PYTHON")
	if python == "" {
		t.Skip("BULKHEAD_TEST_PYTHON names no interpreter with numpy")
	}
	got, _ := Run(context.Background(), Environment("/env", python, []string{"numpy"})[1:], Options{Rounds: 3, Probe: probe.Options{Home: "/root"}})
	if got[0].Skipped != "" || got[0].Median < 0.1 || len(got[0].Samples) != 3 {
		t.Errorf("%+v", got[0])
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(`{"schema_version":"1.0","at":"2026-01-01T00:00:00Z","results":[{"name":"x","samples":[1]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := parseEntry(data); err == nil {
			Compare(e.Results, e.Results)
		}
	})
}
