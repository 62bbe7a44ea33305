// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"math"
)

// Reader reads the arrays of a state one after another and keeps the first
// error, so that a kernel checks once, with End. After an error every method
// returns nothing. It is not for several goroutines.
type Reader struct {
	s    *State
	seen map[string]bool
	err  error
}

// Reader begins to read.
func (s *State) Reader() *Reader { return &Reader{s: s, seen: map[string]bool{}} }

// Has reports whether the state has an array; asking does not count as reading.
func (r *Reader) Has(name string) bool {
	_, ok := r.s.Array(name)
	return ok
}

// Fail keeps an error that the caller found, unless there was one before.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Err is the first error so far.
func (r *Reader) Err() error { return r.err }

// End returns the first error; an array that nobody read is one.
func (r *Reader) End() error {
	for _, a := range r.s.arrays {
		if r.err == nil && !r.seen[a.Name] {
			r.err = &ArrayError{Array: a.Name, Err: ErrUnread}
		}
	}
	return r.err
}

// take notes that an array is read.
func take[T any](r *Reader, name string, shape []int, get func(string, ...int) ([]T, error)) []T {
	if r.err != nil {
		return nil
	}
	r.seen[name] = true
	out, err := get(name, shape...)
	r.Fail(err)
	return out
}

// Floats reads a float64 array of a shape; see State.
func (r *Reader) Floats(name string, shape ...int) []float64 {
	return take(r, name, shape, r.s.Floats)
}

// Finite reads a float64 array in which NaN and the infinities are errors.
func (r *Reader) Finite(name string, shape ...int) []float64 {
	out := r.Floats(name, shape...)
	for i, v := range out {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.Fail(arrayError(name, ErrValue, "element %d is %v", i, v))
			return nil
		}
	}
	return out
}

// Float reads a float64 array of one element.
func (r *Reader) Float(name string) float64 {
	out := r.Floats(name)
	if r.err == nil && len(out) != 1 {
		r.Fail(arrayError(name, ErrShape, "it has %d elements, and 1 is wanted", len(out)))
	}
	if r.err != nil {
		return 0
	}
	return out[0]
}

// Floats32 reads a float32 array.
func (r *Reader) Floats32(name string, shape ...int) []float32 {
	return take(r, name, shape, r.s.Floats32)
}

// Ints reads an int64 array.
func (r *Reader) Ints(name string, shape ...int) []int64 { return take(r, name, shape, r.s.Ints) }

// Ints32 reads an int32 array.
func (r *Reader) Ints32(name string, shape ...int) []int32 { return take(r, name, shape, r.s.Ints32) }

// Uints reads a uint64 array.
func (r *Reader) Uints(name string, shape ...int) []uint64 { return take(r, name, shape, r.s.Uints) }

// Blob reads a uint8 array.
func (r *Reader) Blob(name string, shape ...int) []byte { return take(r, name, shape, r.s.Blob) }

// Bools reads a bool array.
func (r *Reader) Bools(name string, shape ...int) []bool { return take(r, name, shape, r.s.Bools) }

// Strings reads a utf8 array.
func (r *Reader) Strings(name string, shape ...int) []string {
	return take(r, name, shape, r.s.Strings)
}

// Valid reads which elements of an array are there; nil when all are.
func (r *Reader) Valid(name string) []bool {
	return take(r, name, nil, func(name string, _ ...int) ([]bool, error) { return r.s.Valid(name) })
}

// JSON reads a json value into v, a pointer.
func (r *Reader) JSON(name string, v any) {
	take(r, name, nil, func(name string, _ ...int) ([]json.RawMessage, error) { return nil, r.s.JSON(name, v) })
}
