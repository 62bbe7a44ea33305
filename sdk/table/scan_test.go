// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestValidTextAgrees with the standard library about every two, three and four
// bytes that a character might be, at every place in a word.
func TestValidTextAgrees(t *testing.T) {
	check := func(b []byte) {
		if got, want := validText(b), utf8.Valid(b); got != want {
			t.Fatalf("%x: %t, want %t", b, got, want)
		}
	}
	ends := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff}
	for first := range 256 {
		for second := range 256 {
			check([]byte{byte(first), byte(second)})
			for _, third := range ends {
				check([]byte{byte(first), byte(second), third})
				for _, fourth := range ends {
					check([]byte{byte(first), byte(second), third, fourth})
				}
			}
		}
	}
	for _, word := range append(words, "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\xff") {
		for n := range 70 {
			check([]byte(strings.Repeat("x", n) + word))
			check([]byte(strings.Repeat("x", n) + word + strings.Repeat("ß", n%5) + strings.Repeat("y", 70-n)))
		}
	}
}

func TestRisingAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	values := []int32{0, 1, 2, 3, 7, math.MaxInt32 - 1, math.MaxInt32, math.MinInt32, -1}
	for range 50_000 {
		var offsets []byte
		want, last := true, int32(0)
		for range r.IntN(9) {
			n := values[r.IntN(len(values))]
			if r.IntN(8) > 0 {
				n = max(last, n)
			}
			want = want && n >= last
			last = n
			offsets = binary.LittleEndian.AppendUint32(offsets, uint32(n))
		}
		if got := rising(offsets); got != want {
			t.Fatalf("%x: %t", offsets, got)
		}
	}
}

func TestBelowAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 50_000 {
		n, want := uint32(r.IntN(4)), true
		var keys []byte
		for range r.IntN(12) {
			key := uint32(r.IntN(3))
			if r.IntN(40) == 0 {
				key = math.MaxUint32
			}
			want = want && key < n
			keys = binary.LittleEndian.AppendUint32(keys, key)
		}
		if got := below(keys, n); got != want {
			t.Fatalf("%x below %d: %t", keys, n, got)
		}
	}
}

func TestCuts(t *testing.T) {
	for at, want := range []bool{false, false, true, false, false, true, true, false} {
		offsets := binary.LittleEndian.AppendUint32(nil, uint32(at))
		if got := cuts([]byte("aßb日"), offsets); got != want {
			t.Errorf("offset %d: %t", at, got)
		}
	}
}
