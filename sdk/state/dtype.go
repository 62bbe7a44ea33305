// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"math"
	"strings"
)

// DType is the type of an array's elements.
type DType string

// The types of arrays.
const (
	Float64 DType = "float64"
	Float32 DType = "float32"
	Int64   DType = "int64"
	Int32   DType = "int32"
	Uint64  DType = "uint64"
	Uint8   DType = "uint8"
	Bool    DType = "bool"
	UTF8    DType = "utf8"
	JSON    DType = "json"
)

// width is the size of an element in bytes; 0 for those of varying size, -1 for
// no type.
func (d DType) width() int {
	switch d {
	case Float64, Int64, Uint64:
		return 8
	case Float32, Int32:
		return 4
	case Uint8, Bool:
		return 1
	case UTF8, JSON:
		return 0
	}
	return -1
}

const (
	maxRank   = 8
	maxLength = 1 << 53 // what a JSON number holds exactly
)

// product is the number of elements of a shape.
func product(shape []int) (int, error) {
	if len(shape) > maxRank {
		return 0, fmt.Errorf("%d dimensions, more than %d", len(shape), maxRank)
	}
	n, empty := 1, false
	for _, d := range shape {
		if d < 0 || int64(d) > min(maxLength, math.MaxInt) {
			return 0, fmt.Errorf("a dimension of %d", d)
		}
		if empty = empty || d == 0; empty {
			continue
		}
		if n > math.MaxInt/16/d {
			return 0, fmt.Errorf("shape %s has too many elements", shapeText(shape))
		}
		n *= d
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

// shapeText writes a shape as "3 x 4"; -1 is any length.
func shapeText(shape []int) string {
	if len(shape) == 0 {
		return "one element"
	}
	var parts []string
	for _, d := range shape {
		if d < 0 {
			parts = append(parts, "any")
			continue
		}
		parts = append(parts, fmt.Sprint(d))
	}
	return strings.Join(parts, " x ")
}

// align rounds up to where an array may begin.
func align(n int) int { return (n + alignment - 1) &^ (alignment - 1) }
