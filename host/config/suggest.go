// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// maxListed is the number of names that a message lists.
const maxListed = 8

// Suggest is a sentence, with a space before it, for a name that is not known:
// the nearest of the known ones, else the first few of them.
func Suggest(name string, known []string) string {
	known = sortedUnique(slices.Clone(known))
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return knownNames(known)
}

// knownNames is a sentence that lists names, with a space before it.
func knownNames(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return fmt.Sprintf(" Known: %s.", listed(known))
}

// nearest returns the known name within two fifths of the name's length, but at
// least one and at most four edits; empty when there is none. Among equals, the
// one of the most similar length wins.
func nearest(name string, known []string) string {
	best, bound := "", min(max(len(name)*2/5, 1), 4)
	for _, k := range known {
		if abs(len(k)-len(name)) > bound {
			continue
		}
		d := levenshtein.Distance(fold(name), fold(k), nil)
		if d < bound || d == bound && (best == "" || abs(len(k)-len(name)) < abs(len(best)-len(name))) {
			best, bound = k, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// fold makes underscores and capitals no difference.
func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "_", "-")
}

func listed(names []string) string {
	if len(names) > maxListed {
		rest := len(names) - maxListed
		return strings.Join(names[:maxListed], ", ") + fmt.Sprintf(" and %d more", rest)
	}
	return strings.Join(names, ", ")
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}
