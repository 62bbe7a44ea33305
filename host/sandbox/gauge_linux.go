// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// gauge follows the peak of a program's resident memory. What the kernel tells
// after the end counts the memory that the process had before exec too, and that
// was the host's. While a program runs the kernel tells its own peak, so the gauge
// looks from time to time, often at first.
type gauge struct {
	pid   int
	floor uint64 // peak of the host at the launch

	mu    sync.Mutex
	peak  uint64
	timer *time.Timer // nil when it has stopped
}

const (
	firstLook = 2 * time.Millisecond
	lastLook  = time.Second // the longest time between two looks
)

// start begins to look.
func (g *gauge) start(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pid, g.floor = pid, ownPeak()
	g.timer = time.AfterFunc(firstLook, func() { g.again(firstLook) })
}

// again looks, and arranges for the next time.
func (g *gauge) again(after time.Duration) {
	g.read()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		after = min(2*after, lastLook)
		g.timer = time.AfterFunc(after, func() { g.again(after) })
	}
}

// read looks now.
func (g *gauge) read() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.peak = max(g.peak, residentPeak(g.pid))
	}
}

// stop ends it, before the pid becomes free for others, and returns the peak.
func (g *gauge) stop() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	return g.peak
}

// residentPeak is the peak of a process that runs, 0 of one that has ended.
func residentPeak(pid int) uint64 {
	fields, err := statusFields(pid)
	if err != nil {
		return 0
	}
	text, _ := strings.CutSuffix(fields["VmHWM"], " kB")
	peak, _ := strconv.ParseUint(text, 10, 64)
	return peak << 10
}

// ownPeak is the peak of this process.
func ownPeak() uint64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return uint64(max(usage.Maxrss, 0)) << 10
}
