// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestMessages(t *testing.T) {
	m := Message{Kind: Batch, Origins: Listed, Index: 7, Call: 1 << 31, Seq: 1 << 63, At: 2, Bytes: 3, Rows: 4, Origin: 5, Same: 6}
	var buf [MessageBytes]byte
	m.Encode(&buf)
	got, err := Decode(buf[:])
	if err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
	// The first bytes as they are documented.
	if want := []byte{7, 2, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 2}; !bytes.HasPrefix(buf[:], want) {
		t.Errorf("the bytes are %v", buf[:25])
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	good := func() []byte {
		var buf [MessageBytes]byte
		(&Message{Kind: End}).Encode(&buf)
		return buf[:]
	}
	for name, change := range map[string]func([]byte) []byte{
		"empty": func([]byte) []byte { return nil }, "short": func(b []byte) []byte { return b[:63] }, "long": func(b []byte) []byte { return append(b, 0) },
		"kind 0": func(b []byte) []byte { b[0] = 0; return b }, "kind 12": func(b []byte) []byte { b[0] = 12; return b },
		"origins": func(b []byte) []byte { b[1] = 3; return b }, "padding": func(b []byte) []byte { b[3] = 1; return b }, "more padding": func(b []byte) []byte { b[15] = 1; return b },
	} {
		if _, err := Decode(change(good())); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: what is a message is written as it was read.
func FuzzDecode(f *testing.F) {
	var buf [MessageBytes]byte
	(&Message{Kind: Batch, Origins: Consecutive, Seq: 3}).Encode(&buf)
	f.Add(buf[:])
	f.Add(buf[:10])
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		var again [MessageBytes]byte
		if m.Encode(&again); !bytes.Equal(again[:], data) {
			t.Fatalf("%v becomes %v", data, again)
		}
	})
}

// TestSpace takes and gives at random, against a plain map of pages.
func TestSpace(t *testing.T) {
	const size = 100 * Page
	s, random := NewSpace(size+17), rand.New(rand.NewPCG(1, 2))
	owner := make([]int, size/Page)
	taken := map[int]int{}
	for i := 1; i < 20_000; i++ {
		if random.IntN(2) == 0 {
			n := 1 + random.IntN(20*Page)
			at, ok := s.Take(n)
			if !ok {
				continue
			}
			for page := at / Page; page < (at+n+Page-1)/Page; page++ {
				if owner[page] != 0 {
					t.Fatalf("page %d is handed out twice", page)
				}
				owner[page] = i
			}
			taken[at] = i
		}
		for at, by := range taken {
			keep := 0
			if random.IntN(4) == 0 { // shrink first
				keep = 1
				if err := s.Shrink(at, 1); err != nil {
					t.Fatal(err)
				}
			}
			for page := at/Page + keep; page < len(owner) && owner[page] == by; page++ {
				owner[page] = 0
			}
			if keep == 0 {
				if err := s.Give(at); err != nil {
					t.Fatal(err)
				}
				delete(taken, at)
			}
			break
		}
	}
	for at := range taken {
		if err := s.Give(at); err != nil {
			t.Fatal(err)
		}
	}
	if at, ok := s.Take(size); !ok || at != 0 || s.Taken() != size || s.Used() != 1 {
		t.Errorf("all of it is at %d, %v", at, ok)
	}
}

func TestSpaceRefuses(t *testing.T) {
	s := NewSpace(10 * Page)
	if _, ok := s.Take(10*Page + 1); ok {
		t.Error("too much is taken")
	}
	if _, ok := s.Take(-1); ok {
		t.Error("less than nothing is taken")
	}
	at, _ := s.Take(3 * Page)
	if s.Give(at+Page) == nil || s.Shrink(at+Page, 1) == nil || s.Shrink(at, 4*Page) == nil {
		t.Error("what is not taken is given or shrunk")
	}
	if s.Give(at) != nil || s.Give(at) == nil {
		t.Error("a part can be given once")
	}
	if _, ok := NewSpace(0).Take(1); ok {
		t.Error("an empty space has room")
	}
}

func TestHeap(t *testing.T) {
	h := &Heap{Keep: 3 << 20}
	a := h.Allocate(1<<20 + 5)
	if len(a) != 1<<20+5 || uintptr(unsafe.Pointer(unsafe.SliceData(a)))%64 != 0 {
		t.Fatalf("%d bytes at %p", len(a), a)
	}
	first := unsafe.SliceData(a)
	h.Free(a)
	if b := h.Allocate(1<<20 + 77); unsafe.SliceData(b) != first {
		t.Error("freed memory is not used again")
	}
	if b := h.Allocate(1<<20 + 77); unsafe.SliceData(b) == first {
		t.Error("memory is handed out twice")
	}
	for range 10 {
		h.Free(h.Allocate(1 << 20))
	}
	var kept [][]byte
	for range 5 {
		kept = append(kept, make([]byte, 1<<20))
	}
	for _, b := range kept {
		h.Free(b)
	}
	if h.kept > 3<<20 {
		t.Errorf("%d bytes are kept", h.kept)
	}
	small := h.Allocate(100)
	copy(small, "abc")
	grown := h.Reallocate(1<<20, small)
	if string(grown[:3]) != "abc" || len(h.Reallocate(10, grown)) != 10 {
		t.Error("reallocated memory is another")
	}
	h.Free(make([]byte, 70_000)) // not of a class: left to the collector
}

func TestClasses(t *testing.T) {
	for n := recycled; n < 64<<20; n += n/7 + 1 {
		c := class(n)
		if c < n || c > n+n/4+1 || class(c) != c {
			t.Errorf("%d bytes are of class %d", n, c)
		}
	}
}
