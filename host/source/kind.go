// SPDX-License-Identifier: Apache-2.0

package source

import "github.com/apache/arrow-go/v18/arrow"

// kind is what one value looks like; a set of them is what a column holds.
type kind uint8

const (
	kindInt kind = 1 << iota
	kindFloat
	kindBool
	kindText
)

// classify tells the narrowest kind of a trimmed value that is not null.
func classify(value []byte) kind {
	if len(value) == 0 {
		return kindText
	}
	// An integer too large for int64 keeps its digits as text; as a float64 it
	// would silently lose some.
	if isInteger(value) {
		if _, ok := parseInt(value); ok {
			return kindInt
		}
		return kindText
	}
	if _, ok := parseFloat(value); ok {
		return kindFloat
	}
	if _, ok := parseBool(value); ok {
		return kindBool
	}
	return kindText
}

// column is the kind of a column that holds the kinds of k.
func (k kind) column() kind {
	switch k {
	case 0, kindFloat, kindInt | kindFloat:
		return kindFloat
	case kindInt, kindBool:
		return k
	}
	return kindText
}

func (k kind) arrow() arrow.DataType {
	switch k {
	case kindInt:
		return arrow.PrimitiveTypes.Int64
	case kindFloat:
		return arrow.PrimitiveTypes.Float64
	case kindBool:
		return arrow.FixedWidthTypes.Boolean
	}
	return arrow.BinaryTypes.String
}

// kindOf is the kind that a type was found out from.
func kindOf(t arrow.DataType) kind {
	switch t.ID() {
	case arrow.INT64:
		return kindInt
	case arrow.FLOAT64:
		return kindFloat
	case arrow.BOOL:
		return kindBool
	}
	return kindText
}

func (k kind) String() string { return typeName(k.arrow()) }
