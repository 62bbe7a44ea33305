// SPDX-License-Identifier: Apache-2.0

// Package rules says what the values of a column may be, learnt from a table or
// given by a user, and finds the values that break it.
//
// The rules, by the name under which a broken one is reported:
//
//	null      a value is missing in a column where none was
//	finite    a number is infinite, or NaN where that is not taken as missing
//	range     a number is outside of its bounds
//	category  a text did not occur when the categories were learnt
package rules

import (
	"fmt"
	"math"
	"strconv"
)

// Column is what holds for one column.
type Column struct {
	Name string
	// Type as Arrow spells it.
	Type string
	// Nulls says that values may be missing.
	Nulls bool
	// Min and Max bound numbers, -Inf and +Inf where they do not.
	Min, Max float64
	// Categories are the texts that may stand there; nil for any.
	Categories map[string]bool
}

// Breach is a value that breaks a rule.
type Breach struct {
	Rule, Detail string
}

// Missing judges a missing value.
func (c *Column) Missing() *Breach {
	if c.Nulls {
		return nil
	}
	return &Breach{"null", "a value is missing, and none was when the rules were learnt"}
}

// Number judges a number; NaN is a missing value.
func (c *Column) Number(x float64) *Breach {
	switch {
	case x != x:
		return c.Missing()
	case math.IsInf(x, 0):
		return &Breach{"finite", "the value is infinite"}
	case x < c.Min:
		return &Breach{"range", fmt.Sprintf("%s is below %s", number(x), number(c.Min))}
	case x > c.Max:
		return &Breach{"range", fmt.Sprintf("%s is above %s", number(x), number(c.Max))}
	}
	return nil
}

// Text judges a text.
func (c *Column) Text(s string) *Breach {
	if c.Categories == nil || c.Categories[s] {
		return nil
	}
	return &Breach{"category", quoted(s) + " did not occur when the rules were learnt"}
}

// Checks reports whether values of the column need to be looked at.
func (c *Column) Checks() bool {
	return !c.Nulls || !math.IsInf(c.Min, -1) || !math.IsInf(c.Max, 1) || c.Categories != nil
}

// Widen moves learnt bounds outwards by a share of their distance.
func (c *Column) Widen(margin float64) {
	if by := margin * (c.Max - c.Min); by > 0 && !math.IsInf(by, 0) {
		c.Min, c.Max = c.Min-by, c.Max+by
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// quoted bounds a text from the data in a message.
func quoted(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + " [cut]"
	}
	return strconv.Quote(s)
}
