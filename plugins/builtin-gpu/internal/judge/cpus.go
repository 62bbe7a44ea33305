// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"strconv"
	"strings"
)

// maxCPU bounds the numbers of processors; Linux is built for 8192 at most.
const maxCPU = 8192

// cpus reads a list as the kernel writes it, "0-15,32-47"; false when it is
// not one.
func cpus(text string) (map[int]bool, bool) {
	out := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		from, to := index(first), index(last)
		if from < 0 || to < from || to >= maxCPU {
			return nil, false
		}
		for n := from; n <= to; n++ {
			out[n] = true
		}
	}
	return out, true
}

// index reads a whole number; -1 for anything else.
func index(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// fewer reports whether a lacks processors of b.
func fewer(a, b map[int]bool) bool {
	for n := range b {
		if !a[n] {
			return true
		}
	}
	return false
}

func shares(a, b map[int]bool) bool {
	for n := range a {
		if b[n] {
			return true
		}
	}
	return false
}
