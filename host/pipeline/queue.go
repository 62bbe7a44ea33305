// SPDX-License-Identifier: Apache-2.0

package pipeline

import "slices"

// queue holds the segments that can start: those whose input is complete go
// first, and among them the one that stands first in the plan. Those that may
// start early would wait for their input, and take what is left over.
type queue struct {
	full, early []*segment
}

// add puts in a segment whose input is complete.
func (q *queue) add(s *segment) {
	q.drop(s)
	q.full = insert(q.full, s)
}

// offer puts in a segment that may start early.
func (q *queue) offer(s *segment) {
	if !slices.Contains(q.full, s) && !slices.Contains(q.early, s) {
		q.early = insert(q.early, s)
	}
}

func insert(list []*segment, s *segment) []*segment {
	at, _ := slices.BinarySearchFunc(list, s, func(a, b *segment) int { return a.number - b.number })
	return slices.Insert(list, at, s)
}

// next takes the segment to start, nil when there is none.
func (q *queue) next() *segment {
	from := &q.full
	if len(q.full) == 0 {
		from = &q.early
	}
	if len(*from) == 0 {
		return nil
	}
	s := (*from)[0]
	*from = slices.Delete(*from, 0, 1)
	return s
}

// drop takes a segment out.
func (q *queue) drop(s *segment) {
	same := func(other *segment) bool { return other == s }
	q.early = slices.DeleteFunc(q.early, same)
	q.full = slices.DeleteFunc(q.full, same)
}
