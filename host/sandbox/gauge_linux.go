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
// looks from time to time, often at first. It also sees memory that no limit of
// the kernel counts.
type gauge struct {
	pid   int
	floor uint64 // peak of the host at the launch
	limit uint64 // of private memory in use; 0 is none
	over  func() // called when it is exceeded, perhaps more than once
	held  heldWatch

	mu    sync.Mutex
	peak  uint64
	timer *time.Timer // nil when it has stopped
}

const (
	firstLook = 8 * time.Millisecond
	lastLook  = 250 * time.Millisecond // the longest time between two looks
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
	if used := g.read(); g.limit > 0 && used > g.limit {
		g.over()
	}
	if after == lastLook && g.holdsTooMuch() {
		g.held.over()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		after = min(2*after, lastLook)
		g.timer = time.AfterFunc(after, func() { g.again(after) })
	}
}

// read looks now, and returns the private memory in use.
func (g *gauge) read() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer == nil {
		return 0
	}
	peak, private := memoryOf(g.pid)
	g.peak = max(g.peak, peak)
	return private
}

// holdsTooMuch looks at more than memory, which takes longer: not while a program starts.
func (g *gauge) holdsTooMuch() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.timer != nil && g.held.tooMuch(g.pid)
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

// memoryOf is the peak of a process that runs, and the private memory that it
// uses with its page tables. Both are 0 of one that has ended.
func memoryOf(pid int) (peak, private uint64) {
	fields, err := statusFields(pid)
	if err != nil {
		return 0, 0
	}
	bytes := func(name string) uint64 {
		text, _ := strings.CutSuffix(fields[name], " kB")
		n, _ := strconv.ParseUint(text, 10, 64)
		return n << 10
	}
	return bytes("VmHWM"), bytes("RssAnon") + bytes("VmSwap") + bytes("VmPTE")
}

// privateLimit is how much private memory may be in use, 0 without a limit. It
// leaves room for what RLIMIT_DATA rightly does not count: the stack, relocated
// and generated code.
func (a *attempt) privateLimit() uint64 {
	data := a.spec.Limits.withDefaults().DataBytes
	if !a.walls.rlimits || data > 1<<62 {
		return 0
	}
	return data + data/4 + 64<<20
}

// ownPeak is the peak of this process.
func ownPeak() uint64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return uint64(max(usage.Maxrss, 0)) << 10
}
