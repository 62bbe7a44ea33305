// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"math"
	"testing"
)

func TestCPURate(t *testing.T) {
	for _, c := range []struct {
		cpus       float64
		processors int
		want       uint32
	}{
		{0, 8, 0}, {-1, 8, 0}, {math.NaN(), 8, 0}, {8, 8, 0}, {9, 8, 0}, {math.Inf(1), 8, 0},
		{1, 8, 1250}, {0.5, 4, 1250}, {1, 3, 3333}, {1e-9, 64, 1}, {7.99, 8, 9988},
	} {
		if got := cpuRate(c.cpus, c.processors); got != c.want {
			t.Errorf("%v of %d processors: %d, want %d", c.cpus, c.processors, got, c.want)
		}
	}
}

func TestCPUTicks(t *testing.T) {
	for seconds, want := range map[uint64]int64{0: 0, 1: 10_000_000, 60: 600_000_000, Unlimited: 0, math.MaxInt64: 0} {
		if got := cpuTicks(seconds); got != want {
			t.Errorf("%d s: %d, want %d", seconds, got, want)
		}
	}
}

func TestProcessLimit(t *testing.T) {
	for _, c := range []struct {
		processes uint64
		children  bool
		want      uint32
	}{{64, false, 1}, {64, true, 64}, {0, true, 1}, {Unlimited, true, math.MaxUint32}, {Unlimited, false, 1}} {
		if got := processLimit(c.processes, c.children); got != c.want {
			t.Errorf("%d, children %v: %d, want %d", c.processes, c.children, got, c.want)
		}
	}
}

func TestExhausted(t *testing.T) {
	const limit = 512 << 20
	for _, c := range []struct {
		code        int
		peak, limit uint64
		want        bool
	}{
		{2, limit, limit, true}, {2, limit - limit/20, limit, true}, {2, limit / 2, limit, false},
		{0, limit, limit, false}, {2, limit, 0, false}, {2, limit, Unlimited, false},
	} {
		if got := exhausted(c.code, c.peak, c.limit); got != c.want {
			t.Errorf("exit %d, peak %d of %d: %v", c.code, c.peak, c.limit, got)
		}
	}
}
