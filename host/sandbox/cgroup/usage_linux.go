// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what the processes of a leaf have used together so far. A figure
// that the kernel does not keep here is zero.
type Usage struct {
	PeakBytes    uint64        // most memory at one time; a lower bound before Linux 5.19
	CPU          time.Duration // user and system time
	Throttled    time.Duration // time that the processor limit made them wait
	OOMKills     uint64        // kills for want of memory; version 2 may count a process twice
	ForksRefused uint64        // forks and threads that the process limit refused
}

// Usage reads the figures. After Remove it returns the last ones.
func (l *Leaf) Usage() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.removed {
		l.last = l.readUsage()
	}
	return l.last
}

// readUsage never goes back: what was seen once stays seen.
func (l *Leaf) readUsage() Usage {
	u := l.last
	for _, g := range l.groups {
		g.addTo(&u)
	}
	return u
}

// addTo raises the figures of u to those of one group.
func (g group) addTo(u *Usage) {
	if g.version == 2 {
		cpu, memory := g.keyed("cpu.stat"), g.keyed("memory.events")
		u.CPU = max(u.CPU, duration(cpu["usage_usec"], time.Microsecond))
		u.Throttled = max(u.Throttled, duration(cpu["throttled_usec"], time.Microsecond))
		u.OOMKills = max(u.OOMKills, memory["oom_kill"])
		u.PeakBytes = max(u.PeakBytes, g.number("memory.peak"), g.number("memory.current"))
	} else {
		u.CPU = max(u.CPU, duration(g.number("cpuacct.usage"), time.Nanosecond))
		u.Throttled = max(u.Throttled, duration(g.keyed("cpu.stat")["throttled_time"], time.Nanosecond))
		u.OOMKills = max(u.OOMKills, g.keyed("memory.oom_control")["oom_kill"])
		u.PeakBytes = max(u.PeakBytes, g.number("memory.max_usage_in_bytes"))
	}
	u.ForksRefused = max(u.ForksRefused, g.keyed("pids.events")["max"])
}

// keyed reads a flat-keyed file; nil when the group has no such file.
func (g group) keyed(name string) map[string]uint64 {
	data, err := read(filepath.Join(g.dir, name))
	if err != nil {
		return nil
	}
	return parseKeyed(data)
}

// number reads a file that holds one number.
func (g group) number(name string) uint64 {
	data, err := read(filepath.Join(g.dir, name))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// parseKeyed reads lines of "key number"; other lines are passed over.
func parseKeyed(data []byte) map[string]uint64 {
	values := map[string]uint64{}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseUint(value, 10, 64)
		if ok && err == nil {
			values[key] = n
		}
	}
	return values
}

// duration is n units, at most the longest duration there is.
func duration(n uint64, unit time.Duration) time.Duration {
	const longest = 1<<63 - 1
	if n > uint64(longest/unit) {
		return longest
	}
	return time.Duration(n) * unit
}
