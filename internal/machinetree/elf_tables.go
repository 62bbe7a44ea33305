// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
)

type dynEntry struct {
	tag   elf.DynTag
	value uint64
}

// dynamic are the entries that name libraries and directories.
func (l library) dynamic(text *stringTable) []dynEntry {
	var out []dynEntry
	tag := func(t elf.DynTag, value string) {
		if value != "" {
			out = append(out, dynEntry{t, uint64(text.add(value))})
		}
	}
	for _, name := range l.needed {
		tag(elf.DT_NEEDED, name)
	}
	tag(elf.DT_SONAME, l.soname)
	tag(elf.DT_RPATH, l.rpath)
	tag(elf.DT_RUNPATH, l.runpath)
	return out
}

// tablesOf are the entries that say where the tables are.
func tablesOf(sections []*section) []dynEntry {
	var out []dynEntry
	for _, s := range sections {
		switch s.typ {
		case elf.SHT_STRTAB:
			out = append(out, dynEntry{elf.DT_STRTAB, s.off})
		case elf.SHT_DYNSYM:
			out = append(out, dynEntry{elf.DT_SYMTAB, s.off}, dynEntry{elf.DT_SYMENT, symbolSize})
		case elf.SHT_HASH:
			out = append(out, dynEntry{elf.DT_HASH, s.off})
		case elf.SHT_GNU_VERSYM:
			out = append(out, dynEntry{elf.DT_VERSYM, s.off})
		case elf.SHT_GNU_VERNEED:
			out = append(out, dynEntry{elf.DT_VERNEED, s.off}, dynEntry{elf.DT_VERNEEDNUM, uint64(s.info)})
		case elf.SHT_GNU_VERDEF:
			out = append(out, dynEntry{elf.DT_VERDEF, s.off}, dynEntry{elf.DT_VERDEFNUM, uint64(s.info)})
		}
	}
	return out
}

func encodeDynamic(entries []dynEntry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		put(&b, uint64(e.tag), e.value)
	}
	return b.Bytes()
}

// versionIndexes number the versions: 0 is local, 1 global, then those offered
// (the first offer is the library's own name), then those wanted.
func (l library) versionIndexes() map[string]uint16 {
	out := map[string]uint16{}
	next := uint16(2)
	for _, v := range l.offers {
		out[v] = next
		next++
	}
	for _, w := range l.wants {
		for _, v := range w.versions {
			out[w.library+"@"+v] = next
			next++
		}
	}
	return out
}

// indexOf is the version of a symbol: of this library for a defined one, of the
// first library that is wanted in that version for a used one.
func (l library) indexOf(version string, used bool, indexes map[string]uint16) uint16 {
	if version == "" {
		return 1
	}
	if !used {
		return indexes[version]
	}
	for _, w := range l.wants {
		if i, ok := indexes[w.library+"@"+version]; ok {
			return i
		}
	}
	return 1
}

// symbols are the symbol table and, beside it, the version of each symbol.
func (l library) symbols(text *stringTable, indexes map[string]uint16) (table, versions []byte) {
	var b, v bytes.Buffer
	put(&b, elf.Sym64{})
	put(&v, uint16(0))
	info := elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)
	for _, symbol := range l.uses {
		name, version, _ := strings.Cut(symbol, "@")
		put(&b, elf.Sym64{Name: text.add(name), Info: info})
		put(&v, l.indexOf(version, true, indexes))
	}
	for _, symbol := range l.defines {
		name, version, _ := strings.Cut(symbol, "@")
		put(&b, elf.Sym64{Name: text.add(name), Info: info, Shndx: 1, Value: elfHeaderSize})
		put(&v, l.indexOf(version, false, indexes))
	}
	return b.Bytes(), v.Bytes()
}

// hash is a table of one bucket that holds every symbol.
func (l library) hash() []byte {
	n := uint32(1 + len(l.uses) + len(l.defines))
	var b bytes.Buffer
	put(&b, uint32(1), n)
	first := uint32(0)
	if n > 1 {
		first = 1
	}
	put(&b, first, uint32(0))
	for i := uint32(1); i < n; i++ {
		put(&b, (i+1)%n)
	}
	return b.Bytes()
}

func (l library) verneed(text *stringTable, indexes map[string]uint16) []byte {
	var b bytes.Buffer
	for i, w := range l.wants {
		next := uint32(16 + 16*len(w.versions))
		if i == len(l.wants)-1 {
			next = 0
		}
		put(&b, uint16(1), uint16(len(w.versions)), text.add(w.library), uint32(16), next)
		for j, version := range w.versions {
			after := uint32(16)
			if j == len(w.versions)-1 {
				after = 0
			}
			put(&b, sysvHash(version), uint16(0), indexes[w.library+"@"+version], text.add(version), after)
		}
	}
	return b.Bytes()
}

// verdef defines the base version, named like the library, and those offered.
func (l library) verdef(text *stringTable) []byte {
	const flagBase = 1
	var b bytes.Buffer
	put(&b, uint16(1), uint16(flagBase), uint16(1), uint16(1), sysvHash(l.soname), uint32(20), uint32(28))
	put(&b, text.add(l.soname), uint32(0))
	for i, version := range l.offers {
		next := uint32(28)
		if i == len(l.offers)-1 {
			next = 0
		}
		put(&b, uint16(1), uint16(0), uint16(i+2), uint16(1), sysvHash(version), uint32(20), next)
		put(&b, text.add(version), uint32(0))
	}
	return b.Bytes()
}

// sysvHash is the hash function of the System V ABI.
func sysvHash(name string) uint32 {
	var h uint32
	for _, c := range []byte(name) {
		h = h<<4 + uint32(c)
		high := h & 0xf0000000
		h ^= high >> 24
		h &^= high
	}
	return h
}

// The cache of the loader: see glibc, sysdeps/generic/dl-cache.h.
const (
	cacheMagic      = "glibc-ld.so.cache1.1"
	cacheHeaderSize = 48
	cacheEntrySize  = 24
	cacheAMD64      = 0x0303
	cacheARM64      = 0x0a03
)

type cached struct{ soname, path string }

// loaderCache writes /etc/ld.so.cache.
func loaderCache(libraries []cached, flags uint32) []byte {
	var head, entries, text bytes.Buffer
	base := cacheHeaderSize + cacheEntrySize*len(libraries)
	add := func(s string) uint32 {
		at := base + text.Len()
		text.WriteString(s)
		text.WriteByte(0)
		return uint32(at)
	}
	for _, l := range libraries {
		put(&entries, flags, add(l.soname), add(l.path), uint32(0), uint64(0))
	}
	head.WriteString(cacheMagic)
	put(&head, uint32(len(libraries)), uint32(text.Len()))
	head.Write(binary.LittleEndian.AppendUint32(nil, 2)) // little-endian
	head.Write(make([]byte, cacheHeaderSize-head.Len()))
	return append(append(head.Bytes(), entries.Bytes()...), text.Bytes()...)
}
