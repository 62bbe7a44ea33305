// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// Pos is a place in a file.
type Pos struct {
	// Line and Column count from 1; a column is one grapheme cluster.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Byte counts from 0.
	Byte int `json:"byte"`
}

// Range is a stretch of a file; End is exclusive. The zero Range is no place.
type Range struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// IsZero reports whether r is no place.
func (r Range) IsZero() bool { return r == Range{} }

// String is "file:line,column".
func (r Range) String() string {
	return fmt.Sprintf("%s:%d,%d", r.File, r.Start.Line, r.Start.Column)
}

func rangeOf(r hcl.Range) Range {
	return Range{
		File:  r.Filename,
		Start: Pos{r.Start.Line, r.Start.Column, r.Start.Byte},
		End:   Pos{r.End.Line, r.End.Column, r.End.Byte},
	}
}
