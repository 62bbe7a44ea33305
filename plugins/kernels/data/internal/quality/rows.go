// SPDX-License-Identifier: Apache-2.0

package quality

import (
	"hash/maphash"
	"math"
	"slices"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
)

// countRows counts rows with holes and, among the others, exact copies. Hashes
// only find candidates; equality decides.
func (a *Assessment) countRows(cols []frame.Column) {
	seed := maphash.MakeSeed()
	seen := map[uint64][]int{}
	for r := range a.Rows {
		if !usableRow(cols, r) {
			a.UnusableRows++
			continue
		}
		h := hashRow(seed, cols, r)
		if copied(cols, r, seen[h]) {
			a.DuplicateRows++
		} else {
			seen[h] = append(seen[h], r)
		}
	}
}

func usableRow(cols []frame.Column, r int) bool {
	for _, c := range cols {
		if !c.Usable(r) {
			return false
		}
	}
	return true
}

func hashRow(seed maphash.Seed, cols []frame.Column, r int) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, c := range cols {
		if c.Kind == frame.Text {
			h.WriteString(c.Text[r])
			h.WriteByte(0)
			continue
		}
		maphash.WriteComparable(&h, c.Numbers[r]+0) // -0 becomes 0
	}
	return h.Sum64()
}

func copied(cols []frame.Column, r int, earlier []int) bool {
	for _, e := range earlier {
		if equalRows(cols, r, e) {
			return true
		}
	}
	return false
}

func equalRows(cols []frame.Column, a, b int) bool {
	for _, c := range cols {
		if c.Kind == frame.Text && c.Text[a] != c.Text[b] {
			return false
		}
		if c.Kind != frame.Text && c.Numbers[a] != c.Numbers[b] {
			return false
		}
	}
	return true
}

// balanceOf is the entropy of the target's values over the largest that so many
// classes can have: 1 for equal classes. A target that does not look like
// classes (more than 20 values), or none, counts as balanced.
func balanceOf(cols []frame.Column, target string) float64 {
	for _, c := range cols {
		if c.Name == target && target != "" {
			return entropyShare(classCounts(c))
		}
	}
	return 1
}

func classCounts(c frame.Column) []int {
	index := map[any]int{}
	var counts []int
	for i := range c.Len() {
		if !c.Usable(i) {
			continue
		}
		var key any
		if c.Kind == frame.Text {
			key = c.Text[i]
		} else {
			key = c.Numbers[i]
		}
		at, ok := index[key]
		if !ok {
			at = len(counts)
			index[key] = at
			counts = append(counts, 0)
		}
		counts[at]++
	}
	return counts
}

func entropyShare(counts []int) float64 {
	const mostClasses = 20
	if len(counts) < 2 || len(counts) > mostClasses {
		return 1
	}
	slices.Sort(counts) // the order of rows must not reach the sum
	total, h := 0.0, 0.0
	for _, n := range counts {
		total += float64(n)
	}
	for _, n := range counts {
		p := float64(n) / total
		h -= p * math.Log(p)
	}
	return min(1, h/math.Log(float64(len(counts))))
}
