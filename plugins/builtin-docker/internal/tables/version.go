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
