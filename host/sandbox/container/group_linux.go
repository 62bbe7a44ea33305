// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// groupRoot is where control groups are.
const groupRoot = "/sys/fs/cgroup"

// groupsWritable reports whether this user may make control groups.
func groupsWritable() bool {
	if os.Geteuid() != 0 {
		return false
	}
	for _, dir := range []string{groupRoot + "/memory", groupRoot + "/pids", groupRoot} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return unix.Access(dir, unix.W_OK) == nil
		}
	}
	return false
}

// memoryGroup is the control group that bounds a program's memory: a directory,
// or "" when there is none. It lives until the runtime deletes the container.
type memoryGroup string

// memoryGroupOf finds the group of a process.
func memoryGroupOf(pid int) memoryGroup {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	return parseGroup(string(text))
}

// parseGroup reads /proc/PID/cgroup. A hierarchy of the memory controller's own
// counts for more than the unified one.
func parseGroup(text string) (group memoryGroup) {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || !strings.Contains(fields[2], namePrefix) {
			continue
		}
		switch fields[1] {
		case "memory":
			return memoryGroup(filepath.Join(groupRoot, "memory", filepath.Clean("/"+fields[2])))
		case "":
			group = memoryGroup(filepath.Join(groupRoot, filepath.Clean("/"+fields[2])))
		}
	}
	return group
}

// addTo adds what the group saw to an exit.
func (g memoryGroup) addTo(e *Exit) {
	if g == "" {
		return
	}
	for _, file := range []string{"memory.peak", "memory.max_usage_in_bytes"} {
		if text, err := os.ReadFile(filepath.Join(string(g), file)); err == nil {
			if peak, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				e.PeakBytes = max(e.PeakBytes, peak)
			}
		}
	}
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		text, err := os.ReadFile(filepath.Join(string(g), file))
		if err == nil && e.Signal == unix.SIGKILL && oomKills(string(text)) > 0 {
			e.OutOfMemory = true
		}
	}
}

// oomKills reads the count of processes that the kernel ended for memory.
func oomKills(text string) uint64 {
	for line := range strings.Lines(text) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			n, _ := strconv.ParseUint(count, 10, 64)
			return n
		}
	}
	return 0
}
