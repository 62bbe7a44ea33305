// SPDX-License-Identifier: Apache-2.0

package sqlitefile

import (
	"encoding/binary"
	"math"
)

// Row is built value by value. The zero value is an empty row.
type Row struct {
	types []uint64
	body  []byte
	out   []byte
}

// Reset makes it empty again.
func (r *Row) Reset() { r.types, r.body = r.types[:0], r.body[:0] }

// Null adds a missing value.
func (r *Row) Null() { r.types = append(r.types, 0) }

// Int adds an integer, in as few bytes as it takes.
func (r *Row) Int(v int64) {
	switch {
	case v == 0 || v == 1:
		r.types = append(r.types, uint64(8+v))
		return
	case v == int64(int8(v)):
		r.integer(1, v, 1)
	case v == int64(int16(v)):
		r.integer(2, v, 2)
	case v >= -1<<23 && v < 1<<23:
		r.integer(3, v, 3)
	case v == int64(int32(v)):
		r.integer(4, v, 4)
	case v >= -1<<47 && v < 1<<47:
		r.integer(5, v, 6)
	default:
		r.integer(6, v, 8)
	}
}

func (r *Row) integer(kind uint64, v int64, bytes int) {
	r.types = append(r.types, kind)
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], uint64(v))
	r.body = append(r.body, all[8-bytes:]...)
}

// Float adds a number. SQLite has no NaN: it becomes a null, and the result is
// false.
func (r *Row) Float(v float64) bool {
	if math.IsNaN(v) {
		r.Null()
		return false
	}
	r.types = append(r.types, 7)
	r.body = binary.BigEndian.AppendUint64(r.body, math.Float64bits(v))
	return true
}

// Text adds a text, which is UTF-8.
func (r *Row) Text(v string) {
	r.types = append(r.types, uint64(len(v))*2+13)
	r.body = append(r.body, v...)
}

// Blob adds bytes.
func (r *Row) Blob(v []byte) {
	r.types = append(r.types, uint64(len(v))*2+12)
	r.body = append(r.body, v...)
}

// payload is the record: the length of the header, the types, the values. It is
// valid until the next one.
func (r *Row) payload() []byte {
	var types []byte
	for _, t := range r.types {
		types = appendVarint(types, t)
	}
	length := len(types) + 1
	if length > 127 {
		length = len(types) + 2
	}
	if length > 1<<14-1 {
		length = len(types) + 3
	}
	r.out = appendVarint(r.out[:0], uint64(length))
	r.out = append(r.out, types...)
	r.out = append(r.out, r.body...)
	return r.out
}
