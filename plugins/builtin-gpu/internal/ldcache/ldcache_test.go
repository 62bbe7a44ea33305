// SPDX-License-Identifier: Apache-2.0

package ldcache

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"
)

// build writes a cache of the new format.
func build(entries ...Entry) []byte {
	out := append([]byte(newMagic), make([]byte, newHeaderSize-len(newMagic))...)
	binary.LittleEndian.PutUint32(out[20:], uint32(len(entries)))
	var strings []byte
	base := newHeaderSize + len(entries)*newEntrySize
	place := func(s string) uint32 {
		at := base + len(strings)
		strings = append(append(strings, s...), 0)
		return uint32(at)
	}
	for _, e := range entries {
		var raw [newEntrySize]byte
		binary.LittleEndian.PutUint32(raw[0:], e.Flags)
		binary.LittleEndian.PutUint32(raw[4:], place(e.Name))
		binary.LittleEndian.PutUint32(raw[8:], place(e.Path))
		out = append(out, raw[:]...)
	}
	return append(out, strings...)
}

var sample = []Entry{
	{FlagsAMD64, "libcuda.so.1", "/usr/local/cuda/compat/libcuda.so.1"},
	{FlagsAMD64, "libcuda.so.1", "/lib/x86_64-linux-gnu/libcuda.so.1"},
	{3, "libnvidia-ml.so.1", "/lib/i386-linux-gnu/libnvidia-ml.so.1"},
}

func TestParse(t *testing.T) {
	got, err := Parse(build(sample...))
	if err != nil || !slices.Equal(got, sample) {
		t.Fatalf("Parse = %v, %v; want %v", got, err, sample)
	}
}

func TestParseBothParts(t *testing.T) {
	old := append([]byte(oldMagic), 0, 1, 0, 0, 0)
	old = append(old, make([]byte, oldEntrySize+4)...) // one entry, aligned to 32
	got, err := Parse(append(old, build(sample...)...))
	if err != nil || !slices.Equal(got, sample) {
		t.Fatalf("Parse = %v, %v; want %v", got, err, sample)
	}
}

func TestParseRefuses(t *testing.T) {
	short := build(sample...)
	binary.LittleEndian.PutUint32(short[20:], 1<<31)
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "too many entries": short,
		"old part without end": []byte(oldMagic + "\x00\xff\xff\xff\xff"),
	} {
		if _, err := Parse(data); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", name, err)
		}
	}
}

func TestParseLeavesOutWildOffsets(t *testing.T) {
	data := build(sample...)
	binary.LittleEndian.PutUint32(data[newHeaderSize+4:], 1<<30)
	got, err := Parse(data)
	if err != nil || !slices.Equal(got, sample[1:]) {
		t.Fatalf("Parse = %v, %v; want %v", got, err, sample[1:])
	}
}

// TestParseThisMachine holds the parser against what ldconfig really writes.
func TestParseThisMachine(t *testing.T) {
	data, err := os.ReadFile("/etc/ld.so.cache")
	if err != nil {
		t.Skip("no /etc/ld.so.cache here")
	}
	entries, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Name == "libc.so.6" }) {
		t.Errorf("libc.so.6 is not among %d entries", len(entries))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(build(sample...))
	f.Add([]byte(oldMagic + "\x00\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Parse(data)
		if err != nil && entries != nil {
			t.Error("entries beside an error")
		}
		for _, e := range entries {
			if len(e.Name) >= maxText || len(e.Path) >= maxText {
				t.Errorf("string of %d bytes", max(len(e.Name), len(e.Path)))
			}
		}
	})
}
