// SPDX-License-Identifier: Apache-2.0

package source

// seats find the column of a key. Keys stand in the same order on most lines.
type seats struct {
	names []string
	index map[string]int
	order []int // column of the i-th key of a line, the last time
	line  int64
	last  []int64 // line on which a column was seen last
}

func newSeats(names []string) *seats {
	s := &seats{index: map[string]int{}}
	for _, n := range names {
		s.add(n)
	}
	return s
}

func (s *seats) add(name string) {
	s.index[name] = len(s.names)
	s.names = append(s.names, name)
	s.last = append(s.last, 0)
}

// find returns the column of a key that is the i-th one of its line.
func (s *seats) find(i int, key []byte) (int, bool) {
	if i < len(s.order) && s.names[s.order[i]] == string(key) {
		return s.order[i], true
	}
	at, ok := s.index[string(key)]
	if ok {
		s.expect(i, at)
	}
	return at, ok
}

// expect notes that the i-th key of a line is that of a column.
func (s *seats) expect(i, at int) {
	switch {
	case i < len(s.order):
		s.order[i] = at
	case i == len(s.order):
		s.order = append(s.order, at)
	}
}

// take takes a column on this line, and reports whether it was taken before.
func (s *seats) take(at int) bool {
	before := s.last[at] == s.line
	s.last[at] = s.line
	return before
}
