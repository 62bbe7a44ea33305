// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"
)

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

// parseInt takes a sign and digits.
func parseInt(b []byte) (int64, bool) {
	digits, negative := b, false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		digits, negative = b[1:], b[0] == '-'
	}
	if len(digits) == 0 || len(digits) > 18 {
		return parseLongInt(b)
	}
	var v int64
	for _, c := range digits {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	if negative {
		return -v, true
	}
	return v, true
}

// parseLongInt takes integers of more than 18 digits. It looks before it
// parses: an error of strconv costs an allocation.
func parseLongInt(b []byte) (int64, bool) {
	if !isInteger(b) {
		return 0, false
	}
	v, err := strconv.ParseInt(text(b), 10, 64)
	return v, err == nil
}

// parseSigned takes integers of T.
func parseSigned[T int8 | int16 | int32](b []byte) (T, bool) {
	v, ok := parseInt(b)
	return T(v), ok && int64(T(v)) == v
}

// parseUnsigned takes integers of T.
func parseUnsigned[T uint8 | uint16 | uint32 | uint64](b []byte) (T, bool) {
	if !isInteger(b) {
		return 0, false
	}
	if b[0] == '+' || b[0] == '-' {
		v, ok := parseInt(b)
		return T(v), ok && v >= 0 && uint64(T(v)) == uint64(v)
	}
	v, err := strconv.ParseUint(text(b), 10, 64)
	return T(v), err == nil && uint64(T(v)) == v
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
	if v, ok := parseShortFloat(b); ok {
		return v, true
	}
	if len(b) == 0 || !decimal(b) && !infinite(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(text(b), 64)
	return v, err == nil
}

// parseFloat32 rounds once, from the text to the nearest float32. A number that
// is too large for one does not fit.
func parseFloat32(b []byte) (float32, bool) {
	if len(b) == 0 || !decimal(b) && !infinite(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(text(b), 32)
	return float32(v), err == nil
}

// powers of ten that a float64 holds exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseShortFloat takes up to 15 digits with a point somewhere. Digits and power
// are exact as float64 then, so that their one division rounds correctly.
func parseShortFloat(b []byte) (float64, bool) {
	if len(b) == 0 || len(b) > 17 {
		return 0, false
	}
	digits, negative := b, false
	if b[0] == '-' {
		digits, negative = b[1:], true
	}
	var mantissa uint64
	count, point := 0, -1
	for i, c := range digits {
		d := c - '0'
		if d > 9 {
			if c != '.' || point >= 0 {
				return 0, false
			}
			point = i
			continue
		}
		mantissa = mantissa*10 + uint64(d)
		count++
	}
	if count == 0 || count > 15 {
		return 0, false
	}
	v := float64(mantissa)
	if point >= 0 {
		v /= powers[count-point]
	}
	if negative {
		v = math.Copysign(v, -1)
	}
	return v, true
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
