// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"strings"
)

// near is a sentence with the name that was probably meant; empty when none is
// close.
func near(name string, known []string) string {
	bare := name[strings.LastIndexByte(name, '.')+1:]
	best, least := "", len(bare)/3+2
	for _, k := range known {
		if d := distance(name, k); d < least && d > 0 {
			best, least = k, d
		}
	}
	if best == "" || len(name) > maxShown {
		return ""
	}
	return fmt.Sprintf(" Did you mean %s?", best)
}

// distance counts the letters to insert, remove or replace.
func distance(a, b string) int {
	if len(a) > maxShown || len(b) > maxShown {
		return maxShown
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
