// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestQuota(t *testing.T) {
	for cpus, want := range map[float64]string{
		1: "100000", 0.5: "50000", 2.25: "225000", 0.000001: "1000", 1e-300: "1000",
		math.Inf(1): "104857600000", 1e300: "104857600000",
	} {
		if got := (Limits{CPUs: cpus}).quota(); got != want {
			t.Errorf("%v CPUs: %s, want %s", cpus, got, want)
		}
	}
}

func TestProcessLimit(t *testing.T) {
	for n, want := range map[uint64]string{1: "1", 4194303: "4194303", 4194304: "max", math.MaxUint64: "max"} {
		if got := (Limits{Processes: n}).processes(); got != want {
			t.Errorf("%d processes: %s, want %s", n, got, want)
		}
	}
}

func TestMemoryLimitFitsTheKernel(t *testing.T) {
	s := Limits{MemoryBytes: math.MaxUint64}.settings(2, "memory")
	if s[0].value != "9223372036854775807" {
		t.Errorf("memory.max = %s", s[0].value)
	}
}

func TestLimitsWithoutSense(t *testing.T) {
	h, _, _ := unifiedMachine(t, "/", "pids")
	for _, cpus := range []float64{-1, math.NaN(), math.Inf(-1)} {
		_, err := h.New(Limits{CPUs: cpus})
		var u *Unavailable
		if err == nil || errors.As(err, &u) {
			t.Errorf("%v CPUs: %v, want a plain error", cpus, err)
		}
	}
}

// Zero sets no limit, and nothing is claimed to be enforced.
func TestNoLimits(t *testing.T) {
	h, _, _ := unifiedMachine(t, "/", "pids memory cpu")
	leaf := mustNew(t, h, Limits{})
	if got := leaf.Controllers(); len(got) != 0 {
		t.Errorf("Controllers = %v", got)
	}
	if got := value(t, leaf.groups[0].dir, "memory.max"); got != "max" {
		t.Errorf("memory.max = %s", got)
	}
}

// A kernel without swap accounting has no memory.swap.max; every other file must
// be there.
func TestOptionalFile(t *testing.T) {
	dir := t.TempDir()
	settings := Limits{MemoryBytes: 1}.settings(2, "memory")
	os.WriteFile(filepath.Join(dir, "memory.max"), nil, 0o644)
	os.WriteFile(filepath.Join(dir, "memory.oom.group"), nil, 0o644)
	if err := write(cgroupfs{}, dir, settings); err != nil {
		t.Error(err)
	}
	os.Remove(filepath.Join(dir, "memory.oom.group"))
	var u *Unavailable
	if err := write(cgroupfs{}, dir, settings); !errors.As(err, &u) || u.Step != StepLimit {
		t.Errorf("without memory.oom.group: %v", err)
	}
}

// A limit that the kernel refuses fails New, and the half-made leaf is gone.
func TestLimitRefused(t *testing.T) {
	h, m, own := unifiedMachine(t, "/", "pids memory cpu")
	m.refused["memory.max 268435456"] = unix.EBUSY
	_, err := h.New(plenty)
	var u *Unavailable
	if !errors.As(err, &u) || u.Step != StepLimit || !errors.Is(err, unix.EBUSY) {
		t.Fatalf("New: %v", err)
	}
	if got := children(filepath.Join(own, "bulkhead", hostPrefix+h.name)); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestUsageOfVersion2(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "pids memory cpu")
	leaf := mustNew(t, h, plenty)
	dir := leaf.groups[0].dir
	for file, text := range map[string]string{
		"memory.peak": "1000\n", "memory.current": "10\n", "memory.events": "low 0\noom 3\noom_kill 2\n",
		"cpu.stat": "usage_usec 1500000\nthrottled_usec 7\n", "pids.events": "max 4\n",
	} {
		m.put(filepath.Join(dir, file), text)
	}
	want := Usage{PeakBytes: 1000, CPU: 1500 * time.Millisecond, Throttled: 7 * time.Microsecond, OOMKills: 2, ForksRefused: 4}
	if got := leaf.Usage(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := leaf.Remove(); err != nil {
		t.Fatal(err)
	}
	if got := leaf.Usage(); got != want {
		t.Errorf("after Remove %+v, want %+v", got, want)
	}
}

// Before Linux 5.19 there is no memory.peak: the most that was seen counts.
func TestUsageWithoutPeak(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "pids memory cpu")
	leaf := mustNew(t, h, plenty)
	dir := leaf.groups[0].dir
	os.Remove(filepath.Join(dir, "memory.peak"))
	for _, current := range []string{"50\n", "900\n", "20\n"} {
		m.put(filepath.Join(dir, "memory.current"), current)
		leaf.Usage()
	}
	if got := leaf.Usage().PeakBytes; got != 900 {
		t.Errorf("peak %d, want 900", got)
	}
}

func TestUsageOfVersion1(t *testing.T) {
	h, m := legacyMachine(t, "/", "/", "/")
	leaf := mustNew(t, h, plenty)
	for _, g := range leaf.groups {
		for file, text := range map[string]string{
			"memory.max_usage_in_bytes": "77\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
			"cpu.stat": "nr_periods 9\nnr_throttled 2\nthrottled_time 5000\n", "cpuacct.usage": "123\n", "pids.events": "max 6\n",
		} {
			if exists(filepath.Join(g.dir, file)) {
				m.put(filepath.Join(g.dir, file), text)
			}
		}
	}
	want := Usage{PeakBytes: 77, CPU: 123, Throttled: 5000, OOMKills: 1, ForksRefused: 6}
	if got := leaf.Usage(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestParseKeyed(t *testing.T) {
	got := parseKeyed([]byte("a 1\nb max\nc  2\nd\nlong 99999999999999999999\ne 5"))
	if len(got) != 2 || got["a"] != 1 || got["e"] != 5 {
		t.Errorf("%v", got)
	}
}

func TestDurationDoesNotOverflow(t *testing.T) {
	if got := duration(math.MaxUint64, time.Microsecond); got != math.MaxInt64 {
		t.Errorf("%d", got)
	}
}
