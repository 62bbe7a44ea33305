// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"fmt"
	"slices"
	"sort"
)

// Space hands out parts of an arena, the lowest one that is large enough first,
// so that as few pages as possible are ever used. It is not safe for concurrent
// use.
type Space struct {
	size int
	free []part      // rising, never adjacent
	used map[int]int // length by start
}

type part struct{ at, length int }

// NewSpace has size bytes, rounded down to whole pages.
func NewSpace(size int) *Space {
	size -= size % Page
	s := &Space{size: size, used: map[int]int{}}
	if size > 0 {
		s.free = []part{{0, size}}
	}
	return s
}

// Size is the number of bytes that there are.
func (s *Space) Size() int { return s.size }

// Used is the number of parts that are taken.
func (s *Space) Used() int { return len(s.used) }

// Taken is the number of bytes that are taken.
func (s *Space) Taken() (bytes int) {
	for _, n := range s.used {
		bytes += n
	}
	return bytes
}

// pages rounds up; at least one page.
func pages(n int) int { return max(Page, (n+Page-1)/Page*Page) }

// Take takes n bytes, rounded up to whole pages. It is false when no free part
// is large enough.
func (s *Space) Take(n int) (at int, ok bool) {
	if n < 0 || n > s.size {
		return 0, false
	}
	n = pages(n)
	for i, p := range s.free {
		if p.length < n {
			continue
		}
		if s.free[i] = (part{p.at + n, p.length - n}); p.length == n {
			s.free = slices.Delete(s.free, i, i+1)
		}
		s.used[p.at] = n
		return p.at, true
	}
	return 0, false
}

// Shrink gives back what lies behind the first n bytes of a part.
func (s *Space) Shrink(at, n int) error {
	length, ok := s.used[at]
	if n = pages(n); !ok || n > length {
		return fmt.Errorf("no part of %d bytes is taken at %d", n, at)
	}
	if n < length {
		s.used[at] = n
		s.put(part{at + n, length - n})
	}
	return nil
}

// Give gives a part back.
func (s *Space) Give(at int) error {
	length, ok := s.used[at]
	if !ok {
		return fmt.Errorf("nothing is taken at %d", at)
	}
	delete(s.used, at)
	s.put(part{at, length})
	return nil
}

// put adds a free part and joins it with its neighbours.
func (s *Space) put(p part) {
	i := sort.Search(len(s.free), func(i int) bool { return s.free[i].at > p.at })
	if i < len(s.free) && p.at+p.length == s.free[i].at {
		p.length += s.free[i].length
		s.free = slices.Delete(s.free, i, i+1)
	}
	if i > 0 && s.free[i-1].at+s.free[i-1].length == p.at {
		s.free[i-1].length += p.length
		return
	}
	s.free = slices.Insert(s.free, i, p)
}
