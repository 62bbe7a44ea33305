// SPDX-License-Identifier: Apache-2.0

// Package ldcache reads /etc/ld.so.cache, the index of shared libraries that
// the loader of the GNU C library searches after LD_LIBRARY_PATH.
//
// Format (glibc, sysdeps/generic/dl-cache.h): an optional old header
// "ld.so-1.7.0" with 12-byte entries, then, aligned to 8 bytes, the new header
// "glibc-ld.so.cache1.1": 20 bytes of magic and version, the number of entries
// and the length of the strings (both 32 bits), 20 bytes of flags and unused
// words. Entries of 24 bytes follow: flags, offset of the name, offset of the
// path, OS version, hardware capabilities (64 bits). Offsets count from the
// start of the new header. Only little-endian caches are read; every offset
// is checked, so hostile bytes give an error or fewer entries, never a panic.
package ldcache

import (
	"bytes"
	"encoding/binary"
	"errors"
)

const (
	oldMagic      = "ld.so-1.7.0"
	oldHeaderSize = 16 // magic, one byte of padding, 32 bits of count
	oldEntrySize  = 12
	newMagic      = "glibc-ld.so.cache1.1"
	newHeaderSize = 48
	newEntrySize  = 24
)

// ErrFormat is returned for bytes that are not a cache this package reads.
var ErrFormat = errors.New("not a cache of the glibc 1.1 format")

// Flags tell the architecture of an entry.
const (
	FlagsAMD64 = 0x0303
	FlagsARM64 = 0x0a03
)

// Entry is one library of the cache.
type Entry struct {
	Flags uint32
	Name  string // "libcuda.so.1"
	Path  string // "/lib/x86_64-linux-gnu/libcuda.so.1"
}

// Parse reads a cache. Entries whose strings lie outside of the data are left
// out. The order is the loader's order of preference for equal names.
func Parse(data []byte) ([]Entry, error) {
	data, err := newPart(data)
	if err != nil {
		return nil, err
	}
	count := int(binary.LittleEndian.Uint32(data[20:]))
	if room := (len(data) - newHeaderSize) / newEntrySize; count > room {
		return nil, ErrFormat
	}
	var entries []Entry
	for i := range count {
		raw := data[newHeaderSize+i*newEntrySize:]
		name, ok1 := text(data, binary.LittleEndian.Uint32(raw[4:]))
		path, ok2 := text(data, binary.LittleEndian.Uint32(raw[8:]))
		if ok1 && ok2 {
			entries = append(entries, Entry{Flags: binary.LittleEndian.Uint32(raw), Name: name, Path: path})
		}
	}
	return entries, nil
}

// newPart skips the old part of a cache that has both.
func newPart(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte(oldMagic)) && len(data) >= oldHeaderSize {
		count := uint64(binary.LittleEndian.Uint32(data[12:]))
		start := (oldHeaderSize + count*oldEntrySize + 7) &^ 7
		if start > uint64(len(data)) {
			return nil, ErrFormat
		}
		data = data[start:]
	}
	if len(data) < newHeaderSize || !bytes.HasPrefix(data, []byte(newMagic)) {
		return nil, ErrFormat
	}
	return data, nil
}

// maxText bounds a name or a path, in bytes: PATH_MAX of Linux.
const maxText = 4096

func text(data []byte, offset uint32) (string, bool) {
	if uint64(offset) >= uint64(len(data)) {
		return "", false
	}
	data = data[offset:]
	end := bytes.IndexByte(data[:min(len(data), maxText)], 0)
	if end < 0 {
		return "", false
	}
	return string(data[:end]), true
}
