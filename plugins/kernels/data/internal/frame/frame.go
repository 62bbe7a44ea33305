// SPDX-License-Identifier: Apache-2.0

// Package frame holds a table by columns, in the form that the preparation
// steps work on.
//
// A cell is missing when it is null, or when it is a NaN in a numeric column:
// both mean that the value is not known, and tools before this one write
// either. An infinite number is present but not valid.
package frame

import "math"

// Kind of a column.
type Kind string

// The kinds. Whole numbers are Numeric; booleans are numbers 0 and 1.
const (
	Numeric Kind = "numeric"
	Bool    Kind = "bool"
	Text    Kind = "text"
)

// Column is one named column. Numbers holds the cells of a Numeric or Bool
// column, Text those of a Text column; cells that are Missing have no meaning
// there.
type Column struct {
	Name    string
	Kind    Kind
	Numbers []float64
	Text    []string
	Missing []bool
}

// Numbers makes a numeric column; NaN cells are missing.
func Numbers(name string, v []float64) Column {
	c := Column{Name: name, Kind: Numeric, Numbers: v, Missing: make([]bool, len(v))}
	for i, x := range v {
		c.Missing[i] = math.IsNaN(x)
	}
	return c
}

// Texts makes a text column; nil missing means that every cell is present.
func Texts(name string, v []string, missing []bool) Column {
	if missing == nil {
		missing = make([]bool, len(v))
	}
	return Column{Name: name, Kind: Text, Text: v, Missing: missing}
}

// Len returns the number of rows.
func (c Column) Len() int { return len(c.Missing) }

// MissingCells counts missing cells.
func (c Column) MissingCells() int {
	n := 0
	for _, m := range c.Missing {
		if m {
			n++
		}
	}
	return n
}

// Infinite reports whether cell i is present and infinite.
func (c Column) Infinite(i int) bool {
	return c.Kind != Text && !c.Missing[i] && math.IsInf(c.Numbers[i], 0)
}

// Usable reports whether cell i is present and finite.
func (c Column) Usable(i int) bool { return !c.Missing[i] && !c.Infinite(i) }

// Finite returns the usable cells of a numeric column, in row order.
func (c Column) Finite() []float64 {
	out := make([]float64, 0, len(c.Numbers))
	for i, v := range c.Numbers {
		if c.Usable(i) {
			out = append(out, v)
		}
	}
	return out
}

// Present returns the cells of a text column that are not missing, in row order.
func (c Column) Present() []string {
	out := make([]string, 0, len(c.Text))
	for i, v := range c.Text {
		if !c.Missing[i] {
			out = append(out, v)
		}
	}
	return out
}
