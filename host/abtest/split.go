// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Arm is one of the two versions.
type Arm int

// The arms.
const (
	A Arm = iota
	B
)

// String is "a" or "b".
func (a Arm) String() string { return string(rune('a' + a)) }

// Split says which rows go to which arm; see the package doc.
type Split struct {
	// Name of the comparison, without line feeds.
	Name string `json:"name"`
	Seed uint64 `json:"seed,string"`
	// Share of the rows that go to arm b, 0 to 1.
	Share float64 `json:"share"`
	// Key columns; empty for the number of the row.
	Key []string `json:"key,omitempty"`
}

// String says it in one line.
func (s Split) String() string {
	by := "row number"
	if len(s.Key) > 0 {
		by = fmt.Sprint(s.Key)
	}
	return fmt.Sprintf("%s: %s to b by %s, seed %d", s.Name, percent(s.Share), by, s.Seed)
}

// Assigner gives rows their arms. It serves one goroutine.
type Assigner struct {
	head  []byte
	buf   []byte
	limit uint64
	all   bool
}

// Assigner starts a pass over the rows.
func (s Split) Assigner() *Assigner {
	a := &Assigner{head: fmt.Appendf(nil, "bulkhead ab 1\nname %s\nseed %d\n", s.Name, s.Seed), all: s.Share >= 1}
	if s.Share > 0 && !a.all {
		a.limit = uint64(s.Share * (1 << 63) * 2) // exact: a power of two changes no digit
	}
	a.Begin()
	return a
}

// Begin starts the next row.
func (a *Assigner) Begin() { a.buf = append(a.buf[:0], a.head...) }

// Row takes the number of the row in place of keys.
func (a *Assigner) Row(n int64) {
	a.buf = strconv.AppendInt(append(a.buf, "row "...), n, 10)
	a.buf = append(a.buf, '\n')
}

// Null takes a key without a value.
func (a *Assigner) Null() { a.buf = append(a.buf, "null\n"...) }

// Bool takes a key.
func (a *Assigner) Bool(v bool) {
	a.buf = append(strconv.AppendBool(append(a.buf, "bool "...), v), '\n')
}

// Int takes a key.
func (a *Assigner) Int(v int64) {
	a.buf = append(strconv.AppendInt(append(a.buf, "int "...), v, 10), '\n')
}

// Uint takes a key.
func (a *Assigner) Uint(v uint64) {
	a.buf = append(strconv.AppendUint(append(a.buf, "int "...), v, 10), '\n')
}

// Float takes a key.
func (a *Assigner) Float(v float64) {
	bits := math.Float64bits(v)
	switch {
	case v == 0:
		bits = 0
	case math.IsNaN(v):
		bits = 0x7ff8000000000000
	}
	a.buf = fmt.Appendf(a.buf, "float %016x\n", bits)
}

// Text takes a key.
func (a *Assigner) Text(v string) {
	a.buf = strconv.AppendInt(append(a.buf, "text "...), int64(len(v)), 10)
	a.buf = append(append(append(a.buf, ' '), v...), '\n')
}

// Arm of the row whose values were taken since Begin.
func (a *Assigner) Arm() Arm {
	sum := sha256.Sum256(a.buf)
	if a.all || binary.BigEndian.Uint64(sum[:8]) < a.limit {
		return B
	}
	return A
}
