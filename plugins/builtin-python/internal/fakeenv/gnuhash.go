// SPDX-License-Identifier: Apache-2.0

package fakeenv

import (
	"bytes"
	"cmp"
	"slices"
)

// hashBuckets is the number of buckets of every hash table that is made.
const hashBuckets = 7

// gnuHash is the hash that the loader looks symbols up by.
func gnuHash(symbol string) uint32 {
	h := uint32(5381)
	for _, c := range []byte(bare(symbol)) {
		h = h*33 + uint32(c)
	}
	return h
}

// sortedByBucket puts symbols in the order that a hash table wants.
func sortedByBucket(symbols []string) []string {
	out := slices.Clone(symbols)
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Compare(gnuHash(a)%hashBuckets, gnuHash(b)%hashBuckets)
	})
	return out
}

// hashTable writes the section .gnu.hash for sorted symbols, of which the first
// has the number first: a Bloom filter of one word, buckets and chains.
func hashTable(symbols []string, first int) []byte {
	const shift = 6
	var filter uint64
	var buckets [hashBuckets]uint32
	var chain []uint32
	for i, symbol := range symbols {
		h := gnuHash(symbol)
		filter |= 1<<(h%64) | 1<<(h>>shift%64)
		if buckets[h%hashBuckets] == 0 {
			buckets[h%hashBuckets] = uint32(first + i)
		}
		last := i+1 == len(symbols) || gnuHash(symbols[i+1])%hashBuckets != h%hashBuckets
		h &^= 1
		if last {
			h |= 1
		}
		chain = append(chain, h)
	}
	var b bytes.Buffer
	put(&b, uint32(hashBuckets), uint32(first), uint32(1), uint32(shift), filter, buckets, chain)
	return b.Bytes()
}
