// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Writer gathers the arrays of a state. Their order is the order of the calls.
// An array without a shape has one dimension. The slices are kept and must not
// change before Bytes. The first mistake is kept, too, and returned by Bytes.
type Writer struct {
	// Header may be changed until Bytes.
	Header Header

	parts []*part
	index map[string]*part
	err   error
}

// part is an array to be written.
type part struct {
	name  string
	dtype DType
	shape []int
	count int
	size  int          // bytes of the values
	put   func([]byte) // writes them
	texts []string     // of a utf8 array, instead of put
	valid []bool       // nil without nulls
}

// New begins a state.
func New(h Header) *Writer {
	return &Writer{Header: h.clone(), index: map[string]*part{}}
}

// Floats adds float64 values, all bits of which are kept.
func (w *Writer) Floats(name string, values []float64, shape ...int) {
	fixed(w, name, Float64, values, shape, func(b []byte, v float64) { binary.LittleEndian.PutUint64(b, math.Float64bits(v)) })
}

// Floats32 adds float32 values, all bits of which are kept.
func (w *Writer) Floats32(name string, values []float32, shape ...int) {
	fixed(w, name, Float32, values, shape, func(b []byte, v float32) { binary.LittleEndian.PutUint32(b, math.Float32bits(v)) })
}

// Ints adds int64 values.
func (w *Writer) Ints(name string, values []int64, shape ...int) {
	fixed(w, name, Int64, values, shape, func(b []byte, v int64) { binary.LittleEndian.PutUint64(b, uint64(v)) })
}

// Ints32 adds int32 values.
func (w *Writer) Ints32(name string, values []int32, shape ...int) {
	fixed(w, name, Int32, values, shape, func(b []byte, v int32) { binary.LittleEndian.PutUint32(b, uint32(v)) })
}

// Uints adds uint64 values.
func (w *Writer) Uints(name string, values []uint64, shape ...int) {
	fixed(w, name, Uint64, values, shape, func(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) })
}

// Blob adds uint8 values.
func (w *Writer) Blob(name string, values []byte, shape ...int) {
	fixed(w, name, Uint8, values, shape, func(b []byte, v byte) { b[0] = v })
}

// Bools adds truth values.
func (w *Writer) Bools(name string, values []bool, shape ...int) {
	fixed(w, name, Bool, values, shape, func(b []byte, v bool) {
		if v {
			b[0] = 1
		}
	})
}

// Strings adds texts, which must be UTF-8.
func (w *Writer) Strings(name string, values []string, shape ...int) {
	for i, s := range values {
		if !utf8.ValidString(s) {
			w.fail(arrayError(name, ErrValue, "text %d is not UTF-8", i))
			return
		}
	}
	w.add(&part{name: name, dtype: UTF8, texts: values, count: len(values), size: textBytes(values)}, shape)
}

// JSON adds any value that encoding/json writes: settings, a plan, a tree.
// Numbers that must keep every bit belong in an array.
func (w *Writer) JSON(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		w.fail(arrayError(name, ErrValue, "%v", err))
		return
	}
	w.add(&part{name: name, dtype: JSON, count: 1, size: len(data), put: func(b []byte) { copy(b, data) }}, []int{})
}

// Nulls says which elements of an array that was added are there. The values of
// those that are not do not matter.
func (w *Writer) Nulls(name string, valid []bool) {
	p := w.index[name]
	switch {
	case p == nil:
		w.fail(arrayError(name, ErrMissing, "add it before its nulls"))
	case p.dtype == JSON:
		w.fail(arrayError(name, ErrType, "a json value has no nulls"))
	case len(valid) != p.count:
		w.fail(arrayError(name, ErrShape, "%d truth values for %d elements", len(valid), p.count))
	case slices.Contains(valid, false):
		p.hide(valid)
	}
}

// hide keeps the validity and empties texts that are missing.
func (p *part) hide(valid []bool) {
	p.valid = valid
	if p.dtype != UTF8 {
		return
	}
	p.texts = slices.Clone(p.texts)
	for i, there := range valid {
		if !there {
			p.texts[i] = ""
		}
	}
	p.size = textBytes(p.texts)
}

// fixed adds values that take width bytes each.
func fixed[T any](w *Writer, name string, d DType, values []T, shape []int, put func([]byte, T)) {
	width := d.width()
	w.add(&part{name: name, dtype: d, count: len(values), size: width * len(values), put: func(b []byte) {
		for i, v := range values {
			put(b[i*width:(i+1)*width], v)
		}
	}}, shape)
}

func (w *Writer) add(p *part, shape []int) {
	if shape == nil {
		shape = []int{p.count}
	}
	n, err := product(shape)
	switch {
	case badName(p.name) != "":
		w.fail(arrayError(p.name, ErrValue, "its name %s", badName(p.name)))
	case w.index[p.name] != nil:
		w.fail(arrayError(p.name, ErrValue, "it was added before"))
	case len(w.parts) >= maxArrays:
		w.fail(arrayError(p.name, ErrValue, "a state has at most %d arrays", maxArrays))
	case err != nil:
		w.fail(arrayError(p.name, ErrShape, "%v", err))
	case n != p.count:
		w.fail(arrayError(p.name, ErrShape, "%d values for a shape of %s", p.count, shapeText(shape)))
	default:
		p.shape = slices.Clone(shape)
		w.parts, w.index[p.name] = append(w.parts, p), p
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("writing a state of %s: %w", w.Header.Kernel, err)
	}
}

func textBytes(texts []string) int {
	n := 8 * (len(texts) + 1)
	for _, s := range texts {
		n += len(s)
	}
	return n
}
