// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"os"
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	stat := "42 (a) b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 7 8 20 0 1 0 100 1000 10"
	if got := cpuTime(stat); got != 1750*time.Millisecond {
		t.Errorf("CPU time %s", got)
	}
	for _, bad := range []string{"", "42 (a)", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x y z"} {
		if got := cpuTime(bad); got != 0 {
			t.Errorf("%q has CPU time %s", bad, got)
		}
	}
}

func TestPeakRSS(t *testing.T) {
	if got := peakRSS("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"); got != 2<<20 {
		t.Errorf("peak RSS %d", got)
	}
	for _, bad := range []string{"", "VmHWM:\tx kB\n"} {
		if got := peakRSS(bad); got != 0 {
			t.Errorf("%q has peak RSS %d", bad, got)
		}
	}
}

func TestProcessUsage(t *testing.T) {
	usage := ProcessUsage(os.Getpid())
	cpu, rss := usage()
	// On a busy machine it takes a while to get a tick of processor time.
	for began := time.Now(); cpu == 0 && time.Since(began) < time.Minute; {
		cpu, rss = usage()
	}
	if cpu <= 0 || rss == 0 {
		t.Errorf("usage %s, %d", cpu, rss)
	}
	if cpu, rss := ProcessUsage(1 << 30)(); cpu != 0 || rss != 0 {
		t.Errorf("a process that is not there has usage %s, %d", cpu, rss)
	}
}
