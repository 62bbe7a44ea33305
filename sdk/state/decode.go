// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// Is reports whether data begins as a state in this container does.
func Is(data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) }

// Decode reads a state and trusts nothing: whatever is not as the package says
// is a *FormatError, and bytes that do not begin as a state are ErrNotState. The
// state refers to data, which must not change.
func Decode(data []byte) (*State, error) {
	n, err := checkPreamble(data)
	if err != nil {
		return nil, err
	}
	wire, err := parseHeader(data[preambleBytes : preambleBytes+n])
	if err != nil {
		return nil, malformed(preambleBytes, "header: %v", err)
	}
	if len(wire.Arrays) > maxArrays {
		return nil, malformed(preambleBytes, "%d arrays, more than %d", len(wire.Arrays), maxArrays)
	}
	s := &State{Header: wire.header(), data: data, index: make(map[string]int, len(wire.Arrays))}
	if err := s.Header.check(); err != nil {
		return nil, malformed(preambleBytes, "header: %v", err)
	}
	if err := s.place(wire.Arrays, preambleBytes+n); err != nil {
		return nil, err
	}
	return s, nil
}

// checkPreamble returns the length of the header.
func checkPreamble(data []byte) (int, error) {
	if !Is(data) {
		return 0, ErrNotState
	}
	if len(data) < preambleBytes {
		return 0, malformed(len(data), "the file ends within its first %d bytes", preambleBytes)
	}
	if v := binary.LittleEndian.Uint32(data[8:]); v != formatVersion {
		return 0, malformed(8, "version %d of the format; this program reads %d, a newer one may read it", v, formatVersion)
	}
	if n := binary.LittleEndian.Uint64(data[16:]); n != uint64(len(data)) || n%alignment != 0 {
		return 0, malformed(16, "a length of %d is announced, and %d bytes are there", n, len(data))
	}
	if sum := digestOf(data); !bytes.Equal(sum[:], data[digestOffset:preambleBytes]) {
		return 0, &FormatError{Offset: digestOffset, Reason: ErrDigest.Error(), Err: ErrDigest}
	}
	if binary.LittleEndian.Uint64(data[24:]) != 0 {
		return 0, malformed(24, "these 8 bytes must be zero")
	}
	n := binary.LittleEndian.Uint32(data[12:])
	if n > MaxHeaderBytes || int(n) > len(data)-preambleBytes {
		return 0, malformed(12, "a header of %d bytes does not fit", n)
	}
	return int(n), nil
}

// place finds the arrays, which must use the file up in their order, and checks
// each. headerEnd is where the header ends.
func (s *State) place(entries []wireArray, headerEnd int) error {
	start := align(headerEnd)
	if err := s.zeros(headerEnd, start); err != nil {
		return err
	}
	at := start
	for _, e := range entries {
		if err := s.admit(e, at-start); err != nil {
			return malformed(min(at, len(s.data)), "%v", err)
		}
		if e.Bytes > len(s.data)-at {
			return malformed(at, "array %q of %d bytes does not fit", e.Name, e.Bytes)
		}
		a := Array{Name: e.Name, DType: e.DType, Shape: e.Shape, Nulls: e.Nulls, values: s.data[at : at+e.Bytes : at+e.Bytes]}
		if err := a.check(); err != nil {
			return malformed(at, "%v", err)
		}
		s.index[e.Name] = len(s.arrays)
		s.arrays = append(s.arrays, a)
		if err := s.zeros(at+e.Bytes, align(at+e.Bytes)); err != nil {
			return err
		}
		at = align(at + e.Bytes)
	}
	if at != len(s.data) {
		return malformed(at, "%d bytes behind the last array", len(s.data)-at)
	}
	return nil
}

// zeros wants padding from one offset to another.
func (s *State) zeros(from, to int) error {
	if to > len(s.data) {
		return malformed(from, "the file ends within the padding")
	}
	for i := from; i < to; i++ {
		if s.data[i] != 0 {
			return malformed(i, "the padding is not zero")
		}
	}
	return nil
}

// admit checks the entry of an array that is expected at an offset.
func (s *State) admit(e wireArray, offset int) error {
	if reason := badName(e.Name); reason != "" {
		return arrayError(e.Name, ErrValue, "its name %s", reason)
	}
	if _, twice := s.index[e.Name]; twice {
		return arrayError(e.Name, ErrValue, "it stands twice")
	}
	if e.Offset != offset || e.Bytes < 0 {
		return arrayError(e.Name, ErrValue, "offset %d and %d bytes, and it follows at %d", e.Offset, e.Bytes, offset)
	}
	if e.DType.width() < 0 {
		return arrayError(e.Name, ErrType, "no type %q is known", e.DType)
	}
	if e.DType == JSON && (len(e.Shape) != 0 || e.Nulls) {
		return arrayError(e.Name, ErrShape, "a json value has no shape and no nulls")
	}
	return nil
}

// check measures the array and looks at every element that can be wrong. It
// splits the bitmap off.
func (a *Array) check() error {
	n, err := product(a.Shape)
	if err != nil {
		return arrayError(a.Name, ErrShape, "%v", err)
	}
	a.Len = n
	if err := a.split(); err != nil {
		return err
	}
	if w := a.DType.width(); w > 0 && (n > len(a.values)/w || n*w != len(a.values)) {
		return arrayError(a.Name, ErrShape, "%d bytes for %s of %s", len(a.values), shapeText(a.Shape), a.DType)
	}
	if err := a.checkValues(); err != nil {
		return err
	}
	return a.checkMissing()
}

// split takes the bitmap from the values.
func (a *Array) split() error {
	if !a.Nulls {
		return nil
	}
	if a.Len/8 > len(a.values) || bitmapBytes(a.Len) > len(a.values) {
		return arrayError(a.Name, ErrShape, "%d bytes have no room for the nulls of %d elements", len(a.values), a.Len)
	}
	size := bitmapBytes(a.Len)
	a.bitmap, a.values = a.values[:size], a.values[size:]
	missing := false
	for i := range 8 * size {
		set := a.bitmap[i/8]>>(i%8)&1 != 0
		if set && i >= a.Len {
			return arrayError(a.Name, ErrValue, "a bit behind its nulls is not zero")
		}
		missing = missing || !set && i < a.Len
	}
	if !missing {
		return arrayError(a.Name, ErrValue, "it has nulls, and none is missing")
	}
	return nil
}

func (a *Array) checkValues() error {
	switch a.DType {
	case Bool:
		if i := bytes.IndexFunc(a.values, func(r rune) bool { return r > 1 }); i >= 0 {
			return arrayError(a.Name, ErrValue, "element %d is neither 0 nor 1", i)
		}
	case UTF8:
		return a.checkTexts()
	case JSON:
		if !json.Valid(a.values) || !utf8.Valid(a.values) {
			return arrayError(a.Name, ErrValue, "it is not JSON in UTF-8")
		}
	}
	return nil
}

func (a *Array) checkTexts() error {
	if a.Len >= len(a.values)/8 || binary.LittleEndian.Uint64(a.values) != 0 {
		return arrayError(a.Name, ErrShape, "%d bytes are not the ends of %d texts, from 0", len(a.values), a.Len)
	}
	text := a.values[8*(a.Len+1):]
	from := uint64(0)
	for i := range a.Len {
		to := binary.LittleEndian.Uint64(a.values[8*(i+1):])
		if to < from || to > uint64(len(text)) {
			return arrayError(a.Name, ErrValue, "text %d ends at %d of %d", i, to, len(text))
		}
		if !utf8.Valid(text[from:to]) {
			return arrayError(a.Name, ErrValue, "text %d is not UTF-8", i)
		}
		from = to
	}
	if from != uint64(len(text)) {
		return arrayError(a.Name, ErrShape, "%d bytes behind the last text", uint64(len(text))-from)
	}
	return nil
}

// checkMissing wants zeros in the place of every missing element.
func (a *Array) checkMissing() error {
	if !a.Nulls {
		return nil
	}
	for i := range a.Len {
		if a.there(i) {
			continue
		}
		if slices.ContainsFunc(a.element(i), func(b byte) bool { return b != 0 }) || a.DType == UTF8 && len(a.element(i)) > 0 {
			return arrayError(a.Name, ErrValue, "the missing element %d is not zero", i)
		}
	}
	return nil
}
