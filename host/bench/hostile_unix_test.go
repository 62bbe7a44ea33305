// SPDX-License-Identifier: Apache-2.0

//go:build unix

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/probe"
)

func TestRunTellsThatTheLastOneWasCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	last := Benchmark{Name: "x", prepare: func(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
		cancel()
		return nil, nil, context.Cause(ctx)
	}}
	if _, err := Run(ctx, []Benchmark{last}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cut off in the last benchmark: %v", err)
	}
}

// Rounds that do not look at the context end with it all the same, and what was
// measured by then stays.
func TestRoundsEndInTime(t *testing.T) {
	endless := Benchmark{Name: "x", prepare: func(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
		return func(context.Context) (float64, error) { time.Sleep(10 * time.Millisecond); return 1, nil }, nil, nil
	}}
	for limit := 200 * time.Millisecond; ; limit *= 2 { // until it is enough for some rounds
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		got, err := Run(ctx, []Benchmark{endless}, Options{Rounds: 1_000_000, Budget: time.Hour})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v, %+v", err, got)
		}
		if len(got) == 1 && len(got[0].Samples) >= minRounds {
			return
		}
		if limit > time.Minute {
			t.Fatalf("in %v: %+v", limit, got)
		}
	}
}

// A host that is killed leaves no file of 256 MiB, so the file has no name while
// it is measured; and no benchmark of a disk may measure the memory.
func TestDiskHasNoName(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "bench")
	if err != nil || inMemory(dir) {
		t.Skip("no disk here")
	}
	defer os.RemoveAll(dir)
	file, _, closer, err := scratch(context.Background(), &Options{Dir: dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer closer()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a kill would leave %v", left)
	}
	if _, err := file.WriteAt([]byte("x"), 0); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, _, err := scratch(ctx, &Options{Dir: dir}, true); !errors.Is(err, context.Canceled) {
		t.Errorf("filling a file after the end: %v", err)
	}
}

func TestMemoryIsNoDisk(t *testing.T) {
	if runtime.GOOS != "linux" || !inMemory("/dev/shm") {
		t.Skip("no file system in memory here")
	}
	got, _ := Run(context.Background(), Machine()[2:5], Options{Rounds: 1, Dir: "/dev/shm"})
	for _, r := range got {
		if !strings.HasPrefix(r.Skipped, "/dev/shm lies in memory") {
			t.Errorf("%s: %q", r.Name, r.Skipped)
		}
	}
}

// A script that meets its budget gives samples for the warm-up and an interval.
func TestScriptsKeepTheirBudget(t *testing.T) {
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip("no python3 here")
	}
	dir := t.TempDir()
	text := "class M:\n  def __matmul__(s, o):\n    import time; time.sleep(.02); return s\n  def __getitem__(s, k): return 1024.0\ndef ones(s, dtype): return M()\nfloat32 = 0\n"
	if err := os.WriteFile(filepath.Join(dir, "numpy.py"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := Options{Rounds: 1000, Budget: time.Millisecond, Probe: probe.Options{Home: "/nowhere", Env: map[string]string{"PYTHONPATH": dir}}}
	got, _ := Run(context.Background(), Environment("/env", strings.TrimSpace(string(python)), []string{"numpy"})[1:], o)
	if got[0].Skipped != "" || len(got[0].Samples) != minRounds {
		t.Errorf("%+v", got[0])
	}
}

func TestHostileHistory(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{fifo, dir} {
		h := History{Path: name}
		if _, _, err := h.Read(); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("reading %s: %v", name, err)
		}
		if err := h.Append(Entry{}); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("adding to %s: %v", name, err)
		}
		if _, err := ReadBaseline(name); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("baseline %s: %v", name, err)
		}
	}
	h := History{Path: filepath.Join(dir, "long")}
	long := append([]byte(strings.Repeat("x", 3*maxEntryBytes)), '\n')
	if err := os.WriteFile(h.Path, long, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Append(Entry{SchemaVersion: EntryVersion, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if got, skipped, err := h.Read(); err != nil || len(got) != 1 || skipped != 1 {
		t.Errorf("after a line that is too long: %d entries, %d skipped, %v", len(got), skipped, err)
	}
	if err := os.Truncate(h.Path, 1<<40); err == nil { // sparse
		begin := time.Now()
		if _, _, err := h.Read(); err != nil || time.Since(begin) > time.Minute {
			t.Errorf("a terabyte: %v after %v", err, time.Since(begin))
		}
		if _, err := ReadBaseline(h.Path); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("a terabyte as baseline: %v", err)
		}
	}
}

// Samples that nobody measured decide nothing, and can be written as JSON.
func TestSamplesThatAreNone(t *testing.T) {
	good := []float64{1, 1, 1}
	for _, bad := range [][]float64{{0, 0, 0}, {-1, -1, -1}, {5e-324, 5e-324, 5e-324}, {1e308, 1e308, 1e308}, {math.NaN(), 1, 1}, {0, 1, 1}, {}} {
		for _, lower := range []bool{false, true} {
			got := Compare([]Result{{Name: "x", Lower: lower, Samples: good}}, []Result{{Name: "x", Samples: bad}})
			if v := got[0].Verdict; v != Undecided && v != New {
				t.Errorf("%v: %s", bad, v)
			}
			got[0].Then = 0
			if _, err := json.Marshal(got); err != nil {
				t.Errorf("%v: %v", bad, err)
			}
		}
	}
}

// The interval of a median by the percentile bootstrap lies between order
// statistics: of three samples it is their range, of ten equal ones a point, and
// it moves with the scale.
func TestIntervalsOfKnownCases(t *testing.T) {
	for _, c := range []struct {
		samples        []float64
		low, mid, high float64
	}{
		{[]float64{3, 1, 2}, 1, 2, 3}, {[]float64{5, 1, 4, 2, 3}, 1, 3, 5}, {[]float64{7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, 7, 7, 7}, {[]float64{4}, 4, 4, 4},
		// Of 101 ranks the exact interval of the binomial is the 41st to the 61st.
		{ranks(101), 41, 51, 61},
	} {
		got := Estimated(c.samples)
		if got.Median != c.mid || math.Abs(got.Low-c.low) > 1 || math.Abs(got.High-c.high) > 1 || len(c.samples) < 11 && (got.Low != c.low || got.High != c.high) {
			t.Errorf("%d samples: %+v, want %v %v %v", len(c.samples), got, c.low, c.mid, c.high)
		}
	}
	if got := Ratio([]float64{20, 20, 20}, []float64{10, 10, 10}); got != (Estimate{2, 2, 2}) {
		t.Errorf("twice as fast: %+v", got)
	}
}

func ranks(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64((i*37)%n + 1)
	}
	return out
}

func TestMemoryOfANewerKernel(t *testing.T) {
	a := Subject{Memory: 64 << 30}
	if b := (Subject{Memory: 64<<30 - 90<<20}); !a.Same(b) || !b.Same(a) {
		t.Error("what another kernel keeps for itself makes another machine")
	}
	if a.Same(Subject{Memory: 48 << 30}) {
		t.Error("less memory makes no other machine")
	}
}
