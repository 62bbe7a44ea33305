// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

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

func (k kind) String() string {
	switch k {
	case kindInt:
		return "int64"
	case kindFloat:
		return "float64"
	case kindBool:
		return "bool"
	}
	return "string"
}

// trim cuts spaces and tabs.
func trim(value []byte) []byte {
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n = len(value) {
		value = value[:n-1]
	}
	return value
}

// text views b as a string for the length of one parse. strconv copies what it
// keeps in its errors.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseInt looks before it parses: an error of strconv costs an allocation.
func parseInt(b []byte) (int64, bool) {
	if !isInteger(b) {
		return 0, false
	}
	v, err := strconv.ParseInt(text(b), 10, 64)
	return v, err == nil
}

// isInteger reports whether b is a sign and digits.
func isInteger(b []byte) bool {
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// parseFloat takes decimal numbers and infinities: neither the hexadecimal nor
// the underscored forms of Go, nor NaN.
func parseFloat(b []byte) (float64, bool) {
	if len(b) == 0 || !decimal(b) && !infinite(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(text(b), 64)
	return v, err == nil
}

func decimal(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return false
		}
	}
	return true
}

func infinite(b []byte) bool {
	if b[0] == '+' || b[0] == '-' {
		b = b[1:]
	}
	return len(b) <= len("infinity") && (bytes.EqualFold(b, []byte("inf")) || bytes.EqualFold(b, []byte("infinity")))
}

func parseBool(b []byte) (value, ok bool) {
	switch {
	case len(b) == 4 && bytes.EqualFold(b, []byte("true")):
		return true, true
	case len(b) == 5 && bytes.EqualFold(b, []byte("false")):
		return false, true
	}
	return false, false
}
