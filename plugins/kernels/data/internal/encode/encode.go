// SPDX-License-Identifier: Apache-2.0

// Package encode turns text columns into indicator columns (one-hot).
//
// Categories are sorted by bytes; a missing cell can be a category of its own,
// which comes last. Categories rarer than a minimum share one "infrequent"
// indicator behind all others. A value never seen at fit sets no indicator and
// is counted by the caller.
package encode

import (
	"fmt"
	"slices"
)

// Names of the indicators that stand for no single text value.
const (
	NullName       = "<null>"
	InfrequentName = "<infrequent>"
)

// OneHot is a fitted encoding of one column.
type OneHot struct {
	Kept       []string `json:"kept"`                 // categories with an indicator of their own, sorted
	Infrequent []string `json:"infrequent,omitempty"` // categories that share one, sorted
	// Null says what a missing cell is: nothing, a category, or infrequent.
	Null NullRole `json:"null,omitempty"`
}

// NullRole is what a missing cell means to the encoding.
type NullRole string

// The roles of missing cells.
const (
	NullIgnored    NullRole = ""
	NullKept       NullRole = "kept"
	NullInfrequent NullRole = "infrequent"
)

// Options of Fit.
type Options struct {
	MinFrequency int  // rows that a category needs for an indicator of its own
	NullCategory bool // missing cells are a category
}

// Fit learns the categories of a column.
func Fit(v []string, missing []bool, opt Options) OneHot {
	counts, nulls := map[string]int{}, 0
	for i, s := range v {
		if missing[i] {
			nulls++
		} else {
			counts[s]++
		}
	}
	var e OneHot
	for s, n := range counts {
		if n >= opt.MinFrequency {
			e.Kept = append(e.Kept, s)
		} else {
			e.Infrequent = append(e.Infrequent, s)
		}
	}
	slices.Sort(e.Kept)
	slices.Sort(e.Infrequent)
	if opt.NullCategory && nulls > 0 {
		e.Null = NullKept
		if nulls < opt.MinFrequency {
			e.Null = NullInfrequent
		}
	}
	return e
}

// Width returns the number of indicators.
func (e OneHot) Width() int {
	n := len(e.Kept)
	if e.Null == NullKept {
		n++
	}
	if e.shared() {
		n++
	}
	return n
}

func (e OneHot) shared() bool { return len(e.Infrequent) > 0 || e.Null == NullInfrequent }

// Names returns the indicator names for a column, in order.
func (e OneHot) Names(column string) []string {
	var out []string
	for _, c := range e.Kept {
		out = append(out, column+"="+c)
	}
	if e.Null == NullKept {
		out = append(out, column+"="+NullName)
	}
	if e.shared() {
		out = append(out, column+"="+InfrequentName)
	}
	return out
}

// Position returns the indicator of a cell, or -1 for none. Known is false for
// a value that was not seen at fit.
func (e OneHot) Position(v string, missing bool) (at int, known bool) {
	last := e.Width() - 1
	if missing {
		switch e.Null {
		case NullKept:
			return len(e.Kept), true
		case NullInfrequent:
			return last, true
		}
		return -1, false
	}
	if i, ok := slices.BinarySearch(e.Kept, v); ok {
		return i, true
	}
	if _, ok := slices.BinarySearch(e.Infrequent, v); ok {
		return last, true
	}
	return -1, false
}

// Check refuses an encoding that Fit cannot have made: bytes from outside.
func (e OneHot) Check() error {
	for _, list := range [][]string{e.Kept, e.Infrequent} {
		for i := 1; i < len(list); i++ {
			if list[i-1] >= list[i] {
				return fmt.Errorf("encode: categories %q and %q are out of order", list[i-1], list[i])
			}
		}
	}
	for _, c := range e.Infrequent {
		if _, both := slices.BinarySearch(e.Kept, c); both {
			return fmt.Errorf("encode: category %q is both kept and infrequent", c)
		}
	}
	switch e.Null {
	case NullIgnored, NullKept, NullInfrequent:
		return nil
	}
	return fmt.Errorf("encode: missing cells have the unknown role %q", e.Null)
}
