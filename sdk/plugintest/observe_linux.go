// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process is one process of a plugin, told from a later one of the same number
// by its start.
type process struct {
	pid     int
	started string // clock ticks since boot, as in /proc/PID/stat
}

// String names the process.
func (p process) String() string { return strconv.Itoa(p.pid) }

// runs reports whether the process has not ended. One that waits for its parent
// to ask has.
func (p process) runs() bool {
	fields, err := stat(p.pid)
	return err == nil && fields.started == p.started && fields.state != "Z" && fields.state != "X"
}

// procStat is what the suite reads of /proc/PID/stat.
type procStat struct {
	state, started string
	parent         int
}

// stat reads what the system says of a process. Its name stands in parentheses
// and may hold anything, so that fields are counted from the last one.
func stat(pid int) (procStat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	parent, err := strconv.Atoi(fields[1])
	return procStat{state: fields[0], started: fields[19], parent: parent}, err
}

// familyOf returns a process and all that descend from it.
func familyOf(pid int) ([]process, error) {
	if pid == 0 {
		return nil, skip("there is no process of its own to look at from here")
	}
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(names) == 0 {
		return nil, skip("there is no /proc to look at")
	}
	all := map[int]procStat{}
	for _, name := range names {
		if n, err := strconv.Atoi(filepath.Base(name)); err == nil {
			if s, err := stat(n); err == nil { // else it has ended since
				all[n] = s
			}
		}
	}
	var family []process
	for n, s := range all {
		if descends(all, n, pid) && s.state != "Z" {
			family = append(family, process{n, s.started})
		}
	}
	return family, nil
}

// descends reports whether a process is another one or comes from it.
func descends(all map[int]procStat, pid, ancestor int) bool {
	for range 64 { // processes come and go while they are read
		if pid == ancestor {
			return true
		}
		s, ok := all[pid]
		if !ok || s.parent == 0 {
			return false
		}
		pid = s.parent
	}
	return false
}

// descriptors counts the open descriptors of a process.
func descriptors(pid int) (int64, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if errors.Is(err, fs.ErrPermission) {
		return 0, skip("this user may not look at the descriptors of the plugin's process")
	}
	return int64(len(open)), err
}

// privateMemory is the private memory of a process that is in use, in bytes.
func privateMemory(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, skip("this system does not tell the private memory of a process")
}
