// SPDX-License-Identifier: Apache-2.0

package target

import (
	"os/exec"
	"strconv"
	"strings"
)

// openFiles is the soft limit of open files with which this process was started;
// 0 when that cannot be told, or there is none. Go raises the limit of every Go
// program before main, so the host's own files tell the hard one, and gives the old
// one back to the programs that it starts: https://go.dev/issue/46279. So one of
// those is asked.
func openFiles() int64 {
	out, err := exec.Command("cat", "/proc/self/limits").Output()
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, err := strconv.ParseInt(fields[0], 10, 64)
				if err == nil {
					return n
				}
			}
		}
	}
	return 0
}
