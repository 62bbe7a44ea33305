// SPDX-License-Identifier: Apache-2.0

// Package task decides whether a target asks for classification or regression,
// and turns it into class codes or numbers.
//
// The rule: a target that is text or boolean is a classification. A numeric
// target is one when all its values are whole numbers, at most 20 of them are
// distinct, and the distinct ones are at most 5 % of the rows. Whole numbers of
// exactly two distinct values are a classification at any size. Everything else
// is a regression. The decision always carries its reason; where the rule is a
// close call it carries a warning too, and the option task settles it.
package task

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Kind of task.
type Kind string

// The kinds. Auto is an option, never a decision.
const (
	Auto           Kind = "auto"
	Classification Kind = "classification"
	Regression     Kind = "regression"
)

// Limits of the detection rule.
const (
	maxDistinct   = 20
	maxRatio      = 0.05
	closeDistinct = 10 // more whole-number classes than this are a close call
)

// Column is a target without missing values: either numbers or labels.
type Column struct {
	Name    string
	Numbers []float64 // nil for text
	Labels  []string  // nil for numbers
}

// Decision is the task of a target and why.
type Decision struct {
	Kind    Kind
	Reason  string
	Warning string // empty unless the call is close
}

// Detect applies the rule of the package, or takes the wish when it is not Auto.
func Detect(c Column, wish Kind) (Decision, error) {
	switch wish {
	case Classification:
		return Decision{Kind: wish, Reason: "the setting task asks for it"}, nil
	case Regression:
		if c.Numbers == nil {
			return Decision{}, fmt.Errorf("target %q is text, and a regression needs numbers: set task to %q, or turn the target into numbers", c.Name, Classification)
		}
		return Decision{Kind: wish, Reason: "the setting task asks for it"}, nil
	case Auto, "":
		return detect(c), nil
	default:
		return Decision{}, fmt.Errorf("task is %q, but must be auto, classification or regression", wish)
	}
}

func detect(c Column) Decision {
	if c.Numbers == nil {
		return Decision{Kind: Classification, Reason: fmt.Sprintf("target %q is not numeric", c.Name)}
	}
	distinct, whole := profile(c.Numbers)
	if !whole {
		return Decision{Kind: Regression, Reason: fmt.Sprintf("target %q has fractional values", c.Name)}
	}
	n := len(c.Numbers)
	ratio := float64(distinct) / float64(n)
	facts := fmt.Sprintf("target %q holds whole numbers with %d distinct values in %d rows (%.2g %%)", c.Name, distinct, n, 100*ratio)
	d := Decision{Kind: Regression, Reason: facts}
	if distinct <= maxDistinct && ratio <= maxRatio || distinct == 2 {
		d.Kind = Classification
	}
	if isClose(d.Kind, distinct, ratio) {
		d.Warning = fmt.Sprintf("%s: read as %s, which is a close call. Set task to classification or regression to settle it.", facts, d.Kind)
	}
	return d
}

func isClose(k Kind, distinct int, ratio float64) bool {
	if k == Classification {
		return distinct > closeDistinct || ratio > maxRatio
	}
	return distinct <= maxDistinct
}

// profile counts distinct values and reports whether all are whole numbers.
func profile(v []float64) (distinct int, whole bool) {
	seen := map[float64]struct{}{}
	for _, x := range v {
		if x != math.Trunc(x) || math.IsInf(x, 0) {
			return 0, false
		}
		seen[x] = struct{}{}
	}
	return len(seen), true
}

// Classes are the distinct values of a target in ascending order, numerically
// for numbers and by bytes for text. The code of a class is its position.
type Classes struct {
	Names   []string
	Numbers []float64 // the values behind Names; nil for text
}

// Encode turns a column into class codes.
func Encode(c Column) (Classes, []int) {
	if c.Numbers == nil {
		names, codes := encode(c.Labels)
		return Classes{Names: names}, codes
	}
	values, codes := encode(c.Numbers)
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return Classes{Names: names, Numbers: values}, codes
}

func encode[T float64 | string](v []T) ([]T, []int) {
	values := slices.Clone(v)
	slices.Sort(values)
	values = slices.Compact(values)
	codes := make([]int, len(v))
	for i, x := range v {
		codes[i], _ = slices.BinarySearch(values, x)
	}
	return values, codes
}
