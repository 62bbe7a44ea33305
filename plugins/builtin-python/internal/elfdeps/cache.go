// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
)

// Cache is /etc/ld.so.cache: the first path of each library, by flags.
type Cache map[cacheKey]string

type cacheKey struct {
	name  string
	flags int32
}

// ErrCacheFormat is returned for a file that is not a cache of glibc.
var ErrCacheFormat = errors.New("not a cache of glibc's loader")

const (
	newMagic   = "glibc-ld.so.cache1.1"
	oldMagic   = "ld.so-1.7.0"
	headerSize = 48 // magic, version, nlibs, len_strings, flags, extensions, unused
	entrySize  = 24 // flags, key, value, osversion, hwcap
	oldEntry   = 12
)

// ParseCache reads the current format, alone or behind the one of glibc before
// 2.32. Offsets of strings count from the start of the current header. Entries
// for special CPUs (hwcap) are skipped: they name the same library.
func ParseCache(data []byte) (Cache, error) {
	if bytes.HasPrefix(data, []byte(oldMagic)) && len(data) >= 16 {
		old := uint64(binary.LittleEndian.Uint32(data[12:]))
		skip := (16 + old*oldEntry + 7) &^ 7
		if skip > uint64(len(data)) {
			return nil, ErrCacheFormat
		}
		data = data[skip:]
	}
	if !bytes.HasPrefix(data, []byte(newMagic)) || len(data) < headerSize {
		return nil, ErrCacheFormat
	}
	count := uint64(binary.LittleEndian.Uint32(data[20:]))
	if headerSize+count*entrySize > uint64(len(data)) {
		return nil, ErrCacheFormat
	}
	cache := make(Cache, count)
	for i := range count {
		cache.add(data, data[headerSize+i*entrySize:])
	}
	return cache, nil
}

func (c Cache) add(data, entry []byte) {
	if binary.LittleEndian.Uint64(entry[16:]) != 0 {
		return
	}
	name, ok1 := cString(data, binary.LittleEndian.Uint32(entry[4:]))
	file, ok2 := cString(data, binary.LittleEndian.Uint32(entry[8:]))
	key := cacheKey{name, int32(binary.LittleEndian.Uint32(entry))}
	if _, dup := c[key]; ok1 && ok2 && !dup {
		c[key] = file
	}
}

func cString(data []byte, at uint32) (string, bool) {
	if uint64(at) >= uint64(len(data)) {
		return "", false
	}
	end := bytes.IndexByte(data[at:], 0)
	if end < 0 {
		return "", false
	}
	return string(data[at : int(at)+end]), true
}

// Flags of entries in the cache (sysdeps/generic/ldconfig.h of glibc).
const (
	flagLibc6   = 0x0003
	flagX8664   = 0x0300
	flagAArch64 = 0x0a00
)

func cacheFlags(m elf.Machine) int32 {
	switch m {
	case elf.EM_X86_64:
		return flagLibc6 | flagX8664
	case elf.EM_AARCH64:
		return flagLibc6 | flagAArch64
	}
	return flagLibc6
}

// lookup returns the path of a library for a machine.
func (c Cache) lookup(name string, m elf.Machine) (string, bool) {
	file, ok := c[cacheKey{name, cacheFlags(m)}]
	return file, ok
}
