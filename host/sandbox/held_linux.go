// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// heldWatch counts what the kernel keeps for a program by its descriptors and by
// no limit of a process: watches of epoll, of which a user has so many, and locks
// of parts of files. To make them takes the kernel's time, so a program is looked
// at only when it has used some since.
type heldWatch struct {
	seen  uint64 // ticks of system time at the last look
	limit int    // 0 is none
	over  func()
	sight onlooker
}

// heldTicks is the system time between two looks, in ticks of 10 ms.
const heldTicks = 5

// tooMuch looks at the program if it is time to, and reports whether it holds more
// than it may. The pid must be the program's still.
func (h *heldWatch) tooMuch(pid int) bool {
	if h.limit == 0 {
		return false
	}
	ticks := systemTicks(pid)
	if ticks < h.seen+heldTicks {
		return false
	}
	h.seen = ticks
	var count int
	h.sight.look(func() { count = holds(pid, h.limit) })
	return count > h.limit
}

// heldLimit is how many watches and locks a program may have, 0 without a limit.
func (a *attempt) heldLimit() int {
	files := a.spec.Limits.withDefaults().OpenFiles
	if !a.walls.rlimits || files > 1<<32 {
		return 0
	}
	return HeldPerFile * int(files)
}

// holds counts watches and locks until there are more than most. What the host may
// not look at counts as nothing.
func holds(pid, most int) (count int) {
	dir := fmt.Sprintf("/proc/%d/fdinfo/", pid)
	entries, _ := os.ReadDir(dir) // of one that has ended there are none
	for _, e := range entries {
		if count > most {
			break
		}
		count += heldBy(dir+e.Name(), most-count)
	}
	return count
}

// heldBy counts what one descriptor stands for. Each watch and each lock has a
// line of its own in /proc/PID/fdinfo/FD:
//
//	tfd:        5 events:       19 data: 8a2cf0d15b8 pos:0 ino:3e sdev:e
//	lock:	1: POSIX  ADVISORY  WRITE 812 00:1d:53 0 0
func heldBy(name string, most int) (count int) {
	f, err := os.Open(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); count <= most && lines.Scan(); {
		if bytes.HasPrefix(lines.Bytes(), []byte("tfd:")) || bytes.HasPrefix(lines.Bytes(), []byte("lock:")) {
			count++
		}
	}
	return count
}

// systemTicks is the time that the kernel has worked for a process, field 15 of
// /proc/PID/stat.
func systemTicks(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in brackets, is the program's own choice.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const system = 15 - 3 // the first after the name is field 3
	if len(fields) <= system {
		return 0
	}
	n, _ := strconv.ParseUint(fields[system], 10, 64)
	return n
}
