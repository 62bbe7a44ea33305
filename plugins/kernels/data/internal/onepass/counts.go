// SPDX-License-Identifier: Apache-2.0

package onepass

import (
	"maps"
	"slices"
	"strings"
)

// Counts of the distinct values of a text column, up to a bound.
type Counts struct {
	// Max is how many distinct values are counted; past it Overflow is true and
	// nothing new is.
	Max      int
	Overflow bool
	// Missing counts values that are not known.
	Missing int64

	// of points at the counts, because an assignment to the entry of a text that
	// is there would replace its key: by a text in a batch that goes away.
	of map[string]*int64
}

// Add counts a value, which may be borrowed.
func (c *Counts) Add(text string) {
	if n := c.of[text]; n != nil {
		*n++
		return
	}
	if len(c.of) >= c.Max {
		c.Overflow = true
		return
	}
	if c.of == nil {
		c.of = map[string]*int64{}
	}
	one := int64(1)
	c.of[strings.Clone(text)] = &one
}

// MostFrequent is the value that stands most often, the smallest of several;
// false when there is none.
func (c *Counts) MostFrequent() (string, bool) {
	best, most := "", int64(0)
	for text, n := range c.of {
		if *n > most || *n == most && text < best {
			best, most = text, *n
		}
	}
	return best, most > 0
}

// Values in the order of their bytes.
func (c *Counts) Values() []string {
	return slices.Sorted(maps.Keys(c.of))
}
