// SPDX-License-Identifier: Apache-2.0

// Package procfs reads the text files of Linux that describe a machine and one
// process of it: limits, mountinfo, cgroup, status, meminfo, CPU lists and
// os-release.
//
// Every function is a pure function from the bytes of a file to values and
// survives any input: a line that is not understood is left out, never guessed.
// The formats are those of proc(5), proc_pid_mountinfo(5), cgroups(7) and
// os-release(5).
package procfs

import (
	"iter"
	"strconv"
	"strings"
)

// lines yields the lines of a file, counted from 1.
func lines(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			if !yield(n, strings.TrimRight(line, "\r\n")) {
				return
			}
		}
	}
}

// Memory returns the value of a field of /proc/meminfo ("MemTotal") in bytes
// and the line that holds it; false when it is not there.
func Memory(data []byte, field string) (bytes int64, line int, ok bool) {
	for n, text := range lines(data) {
		rest, found := strings.CutPrefix(text, field+":")
		if !found {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		if err != nil || kib < 0 || kib > 1<<52 {
			return 0, 0, false
		}
		return kib << 10, n, true
	}
	return 0, 0, false
}

// Count returns the value of a field of /proc/meminfo that has no unit
// ("HugePages_Total") and the line that holds it; false when it is not there.
func Count(data []byte, field string) (n int64, line int, ok bool) {
	for at, text := range lines(data) {
		if rest, found := strings.CutPrefix(text, field+":"); found {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n, at, err == nil && n >= 0
		}
	}
	return 0, 0, false
}

// maxCPUs is what Linux can be built for at most (CONFIG_NR_CPUS), with room.
const maxCPUs = 1 << 16

// CountCPUs counts the CPUs of a list such as "0-3,8,10-11"; false when the
// text is not such a list.
func CountCPUs(list string) (int, bool) {
	count := 0
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err1 := strconv.Atoi(first)
		high, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || low < 0 || high < low || high >= maxCPUs {
			return 0, false
		}
		count += high - low + 1
	}
	return count, count <= maxCPUs
}

// OSRelease reads the variables of an os-release file, without their quotes.
func OSRelease(data []byte) map[string]string {
	out := map[string]string{}
	for _, line := range lines(data) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		out[key] = unquote(value)
	}
	return out
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || (s[0] != '"' && s[0] != '\'') || s[len(s)-1] != s[0] {
		return s
	}
	inner := s[1 : len(s)-1]
	if s[0] == '\'' {
		return inner
	}
	return shellEscapes.Replace(inner)
}

// shellEscapes undoes the escapes that os-release(5) allows in double quotes.
var shellEscapes = strings.NewReplacer(`\"`, `"`, `\$`, `$`, `\\`, `\`, "\\`", "`")
