// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
)

// State is a decoded state. It does not change and may be used by several
// goroutines. The typed methods return copies; each takes the shape that the
// array must have, in which -1 is any length, or none for any shape. What is not
// so is an *ArrayError.
type State struct {
	// Header is the state's own; changing it changes nothing else.
	Header Header

	arrays []Array
	index  map[string]int
	data   []byte
}

// Array describes an array of a state.
type Array struct {
	Name  string
	DType DType
	Shape []int
	// Len is the number of elements.
	Len int
	// Nulls says that elements are missing; see State.Valid.
	Nulls bool

	values, bitmap []byte
}

// Bytes is the size of the elements as they are stored, without the bitmap.
func (a Array) Bytes() int { return len(a.values) }

// Equal reports whether two arrays have the same type, shape, nulls and bits,
// whatever their names.
func (a Array) Equal(b Array) bool {
	return a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.bitmap, b.bitmap) && bytes.Equal(a.values, b.values)
}

func (a Array) there(i int) bool { return a.bitmap == nil || a.bitmap[i/8]>>(i%8)&1 != 0 }

// element is what is stored of element i.
func (a Array) element(i int) []byte {
	if w := a.DType.width(); w > 0 {
		return a.values[i*w : (i+1)*w]
	}
	if a.DType == JSON {
		return a.values
	}
	text := a.values[8*(a.Len+1):]
	return text[binary.LittleEndian.Uint64(a.values[8*i:]):binary.LittleEndian.Uint64(a.values[8*(i+1):])]
}

// Bytes returns the state as it was read; it must not be changed.
func (s *State) Bytes() []byte { return s.data }

// Digest is the SHA-256 of all bytes of the state: "sha256:" and 64 digits. It
// names the state in a store and in Header.Parent.
func (s *State) Digest() string { return DigestOf(s.data) }

// DigestOf is the digest of a state, whatever its form.
func DigestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// Arrays lists the arrays in the order in which they were written.
func (s *State) Arrays() []Array { return slices.Clone(s.arrays) }

// Array finds an array.
func (s *State) Array(name string) (Array, bool) {
	i, ok := s.index[name]
	if !ok {
		return Array{}, false
	}
	return s.arrays[i], true
}

// Valid says which elements of an array are there; nil when all are.
func (s *State) Valid(name string) ([]bool, error) {
	a, ok := s.Array(name)
	if !ok {
		return nil, &ArrayError{Array: name, Err: ErrMissing}
	}
	if !a.Nulls {
		return nil, nil
	}
	out := make([]bool, a.Len)
	for i := range out {
		out[i] = a.there(i)
	}
	return out, nil
}

// Floats returns a float64 array.
func (s *State) Floats(name string, shape ...int) ([]float64, error) {
	return read(s, name, Float64, shape, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
}

// Floats32 returns a float32 array.
func (s *State) Floats32(name string, shape ...int) ([]float32, error) {
	return read(s, name, Float32, shape, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
}

// Ints returns an int64 array.
func (s *State) Ints(name string, shape ...int) ([]int64, error) {
	return read(s, name, Int64, shape, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
}

// Ints32 returns an int32 array.
func (s *State) Ints32(name string, shape ...int) ([]int32, error) {
	return read(s, name, Int32, shape, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
}

// Uints returns a uint64 array.
func (s *State) Uints(name string, shape ...int) ([]uint64, error) {
	return read(s, name, Uint64, shape, binary.LittleEndian.Uint64)
}

// Blob returns a uint8 array.
func (s *State) Blob(name string, shape ...int) ([]byte, error) {
	return read(s, name, Uint8, shape, func(b []byte) byte { return b[0] })
}

// Bools returns a bool array.
func (s *State) Bools(name string, shape ...int) ([]bool, error) {
	return read(s, name, Bool, shape, func(b []byte) bool { return b[0] != 0 })
}

// Strings returns a utf8 array.
func (s *State) Strings(name string, shape ...int) ([]string, error) {
	return read(s, name, UTF8, shape, func(b []byte) string { return string(b) })
}

// JSON decodes a json value into v, a pointer. Fields that v does not have are
// an error.
func (s *State) JSON(name string, v any) error {
	a, err := s.typed(name, JSON, nil)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(a.values))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return arrayError(name, ErrValue, "%v", err)
	}
	return nil
}

// RawJSON returns a json value as it is written.
func (s *State) RawJSON(name string) (json.RawMessage, error) {
	a, err := s.typed(name, JSON, nil)
	return slices.Clone(json.RawMessage(a.values)), err
}

// typed finds an array of a type and a shape.
func (s *State) typed(name string, d DType, shape []int) (Array, error) {
	a, ok := s.Array(name)
	switch {
	case !ok:
		return Array{}, &ArrayError{Array: name, Err: ErrMissing}
	case a.DType != d:
		return Array{}, arrayError(name, ErrType, "it is %s, and %s is wanted", a.DType, d)
	case shape != nil && !fits(a.Shape, shape):
		return Array{}, arrayError(name, ErrShape, "it is %s, and %s is wanted", shapeText(a.Shape), shapeText(shape))
	}
	return a, nil
}

// fits compares a shape with a wanted one, in which -1 is any length.
func fits(have, want []int) bool {
	return slices.EqualFunc(have, want, func(h, w int) bool { return h == w || w < 0 })
}

// read returns all elements of an array.
func read[T any](s *State, name string, d DType, shape []int, get func([]byte) T) ([]T, error) {
	a, err := s.typed(name, d, shape)
	if err != nil {
		return nil, err
	}
	out := make([]T, a.Len)
	w := d.width()
	for i := range out {
		if w > 0 {
			out[i] = get(a.values[i*w : i*w+w])
			continue
		}
		out[i] = get(a.element(i))
	}
	return out, nil
}
