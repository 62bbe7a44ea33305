// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"cmp"
	"strconv"
	"strings"
)

// Compare orders dotted versions by their numbers: -1, 0 or 1. Missing parts
// count as 0, so that "580" is the start of its branch.
func Compare(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if c := cmp.Compare(part(as, i), part(bs, i)); c != 0 {
			return c
		}
	}
	return 0
}

func part(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, _ := strconv.Atoi(parts[i])
	return n
}

// Branch returns the first number of a version, 570 of "570.158.01"; false
// when the text is no version.
func Branch(version string) (int, bool) {
	first, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(first)
	return n, err == nil && n > 0
}

// KnownBranch reports whether a driver is of a branch that the tables know.
func KnownBranch(version string) bool {
	branch, ok := Branch(version)
	return ok && branch <= NewestBranch()
}

// IsVersion reports whether text is two or more numbers joined by dots.
func IsVersion(text string) bool {
	parts := strings.Split(text, ".")
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return len(parts) >= 2
}
