// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"cmp"
	"container/heap"
	"slices"
)

// MaxSample bounds the rows that are held of one column.
const MaxSample = 1 << 14

// sample holds the rows with the smallest hashes of their numbers: a random
// choice that depends on neither order nor batches.
type sample struct {
	items picks
	seen  int64
}

// pick is one row: a value, or the values of both arms.
type pick struct {
	rank uint64
	x, y float64
}

func (s *sample) add(row int64, x, y float64) {
	s.seen++
	p := pick{rank(row), x, y}
	switch {
	case len(s.items) < MaxSample:
		heap.Push(&s.items, p)
	case p.rank < s.items[0].rank:
		s.items[0] = p
		heap.Fix(&s.items, 0)
	}
}

// whole reports whether no row was left out.
func (s *sample) whole() bool { return s.seen == int64(len(s.items)) }

// rows in the order of their hashes.
func (s *sample) rows() []pick {
	out := slices.Clone(s.items)
	slices.SortFunc(out, func(a, b pick) int { return cmp.Compare(a.rank, b.rank) })
	return out
}

// values are the first ones of the rows.
func (s *sample) values() []float64 {
	var out []float64
	for _, p := range s.rows() {
		out = append(out, p.x)
	}
	return out
}

// rank mixes the number of a row (Steele, Lea and Flood 2014, SplitMix64).
func rank(row int64) uint64 {
	z := uint64(row) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// picks is a heap with the largest rank at the top.
type picks []pick

func (p picks) Len() int           { return len(p) }
func (p picks) Less(i, j int) bool { return p[i].rank > p[j].rank }
func (p picks) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }

// Push is for package heap.
func (p *picks) Push(x any) { *p = append(*p, x.(pick)) }

// Pop is for package heap.
func (p *picks) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}
