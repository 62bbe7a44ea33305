// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// mutator changes states where it hurts: lengths, ends of texts, bitmaps, entries
// of the header. What random bytes reach seldom is reached each time.
type mutator struct {
	*rand.Rand
	seeds []*State
}

func newMutator(t testing.TB, seed uint64) *mutator {
	m := &mutator{Rand: rand.New(rand.NewPCG(seed, 1))}
	for _, w := range published() {
		m.seeds = append(m.seeds, decoded(t, encoded(t, w)))
	}
	return m
}

var evil = []int{-1, 0, 1, 7, 8, 63, 64, 65, 1 << 20, math.MaxInt32, 1 << 53, math.MaxInt64, math.MinInt64}

// number is near to what was there, or far from everything.
func (m *mutator) number(was int) int {
	if m.IntN(2) == 0 {
		return was + m.IntN(17) - 8
	}
	return evil[m.IntN(len(evil))]
}

// next is a state that was changed in one to three places and sealed again.
func (m *mutator) next() []byte {
	s := m.seeds[m.IntN(len(m.seeds))]
	header := int(binary.LittleEndian.Uint32(s.data[12:]))
	wire, err := parseHeader(s.data[preambleBytes : preambleBytes+header])
	if err != nil {
		panic(err)
	}
	body := bytes.Clone(s.data[align(preambleBytes+header):])
	for range 1 + m.IntN(3) {
		if len(wire.Arrays) == 0 || m.IntN(2) == 0 {
			body = m.body(body)
			continue
		}
		m.entry(&wire.Arrays[m.IntN(len(wire.Arrays))], wire.Arrays)
	}
	text, err := wire.encode()
	if err != nil {
		panic(err)
	}
	return forge(string(text), body...)
}

func (m *mutator) body(b []byte) []byte {
	switch m.IntN(4) {
	case 0:
		return append(b, make([]byte, alignment)...)
	case 1:
		return b[:len(b)/2&^(alignment-1)]
	case 2:
		if len(b) >= 8 {
			at := m.IntN(len(b)/8) * 8
			binary.LittleEndian.PutUint64(b[at:], uint64(m.number(int(binary.LittleEndian.Uint64(b[at:])))))
		}
	case 3:
		if len(b) > 0 {
			b[m.IntN(len(b))] ^= 1 << m.IntN(8)
		}
	}
	return b
}

func (m *mutator) entry(e *wireArray, all []wireArray) {
	switch m.IntN(6) {
	case 0:
		e.Bytes = m.number(e.Bytes)
	case 1:
		e.Offset = m.number(e.Offset)
	case 2:
		e.Nulls = !e.Nulls
	case 3:
		types := []DType{Float64, Float32, Int64, Int32, Uint64, Uint8, Bool, UTF8, JSON, "object"}
		e.DType = types[m.IntN(len(types))]
	case 4:
		e.Shape = append([]int{m.number(1)}, e.Shape...)
		if m.IntN(2) == 0 {
			e.Shape = e.Shape[:1]
		}
	case 5:
		e.Name = all[m.IntN(len(all))].Name
	}
}

// TestManyMutations decodes changed states: each is refused with a typed error,
// or is valid in every respect. BULKHEAD_LONG_TESTS makes it ten million.
func TestManyMutations(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 2_000
	}
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		n = 10_000_000
	}
	m, taken := newMutator(t, 42), 0
	for range n {
		data := m.next()
		s, err := Decode(data)
		if err != nil {
			if _, ok := errors.AsType[*FormatError](err); !ok || s != nil {
				t.Fatalf("%T: %v", err, err)
			}
			continue
		}
		taken++
		useAll(t, s)
	}
	if taken < n/100 || taken > n/2 {
		t.Errorf("%d of %d are valid: the mutator is of no use", taken, n)
	}
}
