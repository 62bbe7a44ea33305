// SPDX-License-Identifier: Apache-2.0

package doctor

import "math/bits"

// set is a set of small numbers, one bit each.
type set []uint64

func newSet(size int) set { return make(set, (size+63)/64) }

func (s set) add(i int) { s[i/64] |= 1 << (i % 64) }

// join adds the members of another set of the same size.
func (s set) join(o set) {
	for i := range o {
		s[i] |= o[i]
	}
}

// without lists the members in order, but for one.
func (s set) without(left int) []int {
	var out []int
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			if n := i*64 + bits.TrailingZeros64(word); n != left {
				out = append(out, n)
			}
		}
	}
	return out
}
