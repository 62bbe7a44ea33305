// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of processor time in /proc/PID/stat: 100 per second for
// every program on Linux, whatever the kernel was built with.
const userHZ = 100

// ProcessUsage reads the usage of a process from /proc/PID/stat and
// /proc/PID/status. It gives zeros once the process is gone.
func ProcessUsage(pid int) Usage {
	return func() (time.Duration, uint64) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, 0
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, 0
		}
		return cpuTime(string(stat)), peakRSS(string(status))
	}
}

// cpuTime sums user and system time: fields 14 and 15 of stat. The command in
// field 2 may hold spaces and brackets, so fields count from its last bracket.
func cpuTime(stat string) time.Duration {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * (time.Second / userHZ)
}

// peakRSS is VmHWM of status, in bytes.
func peakRSS(status string) uint64 {
	for line := range strings.Lines(status) {
		value, ok := strings.CutPrefix(line, "VmHWM:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 54)
		if err != nil {
			return 0
		}
		return kib << 10
	}
	return 0
}
