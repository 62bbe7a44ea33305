// SPDX-License-Identifier: Apache-2.0

// Package mountinfo finds the file system under a directory in
// /proc/PID/mountinfo, whose format is in proc_pid_mountinfo(5). Lines that are
// not understood are left out.
package mountinfo

import (
	"strconv"
	"strings"
)

// Point returns the mount point that holds a path: the longest one above it; ""
// when none is known.
func Point(data []byte, name string) string {
	best := ""
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 10 {
			continue
		}
		if point := unescape(fields[4]); holds(point, name) && len(point) >= len(best) {
			best = point
		}
	}
	return best
}

func holds(point, name string) bool {
	return point == "/" || name == point || strings.HasPrefix(name, point+"/") && strings.HasPrefix(point, "/")
}

// unescape undoes the \040 of spaces, tabs, line ends and backslashes.
func unescape(s string) string {
	for from := 0; ; {
		at := strings.IndexByte(s[from:], '\\')
		if at < 0 || from+at+4 > len(s) {
			return s
		}
		at += from
		if v, err := strconv.ParseUint(s[at+1:at+4], 8, 8); err == nil {
			s = s[:at] + string([]byte{byte(v)}) + s[at+4:]
		}
		from = at + 1
	}
}
