// SPDX-License-Identifier: Apache-2.0

package fakeenv

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// Library describes a shared library to make. It has headers, a dynamic
// section, version tables and symbols as a linker writes them, and no code.
type Library struct {
	Soname         string
	Needed         []string
	RPath, RunPath string
	// Wants maps a library to the symbol versions wanted of it; Offers are the
	// versions that this one defines.
	Wants  map[string][]string
	Offers []string
	// Defines and Uses are names of dynamic symbols. Either may say which version
	// it has, as "name@VERSION": one of Offers, or one of Wants of any library.
	Defines, Uses []string
	// Plain leaves out the hash table, as a few old linkers do.
	Plain bool
	// Padding makes the file longer, in bytes.
	Padding int
}

// stringTable is a section of strings that remembers where each starts.
type stringTable struct {
	bytes.Buffer
	at map[string]uint32
}

func newStringTable() *stringTable {
	s := &stringTable{at: map[string]uint32{}}
	s.WriteByte(0)
	return s
}

func (s *stringTable) add(text string) uint32 {
	if at, ok := s.at[text]; ok {
		return at
	}
	at := uint32(s.Len())
	s.at[text] = at
	s.WriteString(text)
	s.WriteByte(0)
	return at
}

// section is one section of the file.
type section struct {
	name string
	typ  elf.SectionType
	link uint32
	data []byte
	size uint64 // of an entry
}

// Bytes writes the library as a 64-bit little-endian x86-64 ELF file.
func (l Library) Bytes() []byte {
	text := newStringTable()
	sections := []section{{}, {name: ".dynstr", typ: elf.SHT_STRTAB}}
	sections = append(sections, section{name: ".dynamic", typ: elf.SHT_DYNAMIC, link: 1, data: l.dynamic(text), size: 16})
	if !l.Plain {
		l.Defines = sortedByBucket(l.Defines)
	}
	sections = append(sections, section{name: ".dynsym", typ: elf.SHT_DYNSYM, link: 1, data: l.symbols(text), size: 24})
	if !l.Plain {
		sections = append(sections, section{name: ".gnu.hash", typ: elf.SHT_GNU_HASH, link: 3, data: hashTable(l.Defines, 1+len(l.Uses))})
	}
	if len(l.Wants)+len(l.Offers) > 0 {
		sections = append(sections, section{name: ".gnu.version", typ: elf.SHT_GNU_VERSYM, link: 3, data: l.symbolVersions(), size: 2})
	}
	if len(l.Wants) > 0 {
		sections = append(sections, section{name: ".gnu.version_r", typ: elf.SHT_GNU_VERNEED, link: 1, data: l.verneed(text)})
	}
	if len(l.Offers) > 0 {
		sections = append(sections, section{name: ".gnu.version_d", typ: elf.SHT_GNU_VERDEF, link: 1, data: l.verdef(text)})
	}
	sections[1].data = text.Bytes()
	return layout(sections, l.Padding)
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(b, binary.LittleEndian, v) // a Buffer does not fail
	}
}

func (l Library) dynamic(text *stringTable) []byte {
	var b bytes.Buffer
	tag := func(t elf.DynTag, value string) {
		if value != "" {
			put(&b, uint64(t), uint64(text.add(value)))
		}
	}
	for _, name := range l.Needed {
		tag(elf.DT_NEEDED, name)
	}
	tag(elf.DT_SONAME, l.Soname)
	tag(elf.DT_RPATH, l.RPath)
	tag(elf.DT_RUNPATH, l.RunPath)
	put(&b, uint64(elf.DT_NULL), uint64(0))
	return b.Bytes()
}

func (l Library) symbols(text *stringTable) []byte {
	var b bytes.Buffer
	put(&b, elf.Sym64{})
	info := elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)
	for _, symbol := range l.Uses {
		put(&b, elf.Sym64{Name: text.add(bare(symbol)), Info: info})
	}
	for _, symbol := range l.Defines {
		put(&b, elf.Sym64{Name: text.add(bare(symbol)), Info: info, Shndx: 2, Value: 1})
	}
	return b.Bytes()
}

// bare cuts the version from a symbol.
func bare(symbol string) string {
	name, _, _ := strings.Cut(symbol, "@")
	return name
}

// Numbers of versions: 1 is the global one, those offered follow, then those
// wanted in the order of their libraries.
func (l Library) versionNumbers() map[string]uint16 {
	out := map[string]uint16{}
	for i, version := range l.Offers {
		out[version] = uint16(2 + i)
	}
	next := uint16(2 + len(l.Offers))
	for _, library := range slices.Sorted(maps.Keys(l.Wants)) {
		for _, version := range l.Wants[library] {
			if _, known := out[version]; !known {
				out[version] = next
			}
			next++
		}
	}
	return out
}

func (l Library) symbolVersions() []byte {
	var b bytes.Buffer
	numbers := l.versionNumbers()
	put(&b, uint16(0))
	for _, symbol := range slices.Concat(l.Uses, l.Defines) {
		_, version, _ := strings.Cut(symbol, "@")
		put(&b, max(1, numbers[version]))
	}
	return b.Bytes()
}

func (l Library) verneed(text *stringTable) []byte {
	var b bytes.Buffer
	number := uint16(2 + len(l.Offers))
	libraries := slices.Sorted(maps.Keys(l.Wants))
	for i, library := range libraries {
		versions := l.Wants[library]
		next := uint32(16 + 16*len(versions))
		if i == len(libraries)-1 {
			next = 0
		}
		put(&b, uint16(1), uint16(len(versions)), text.add(library), uint32(16), next)
		for j, version := range versions {
			after := uint32(16)
			if j == len(versions)-1 {
				after = 0
			}
			put(&b, uint32(0), uint16(0), number, text.add(version), after)
			number++
		}
	}
	return b.Bytes()
}

func (l Library) verdef(text *stringTable) []byte {
	var b bytes.Buffer
	for i, version := range l.Offers {
		next := uint32(28)
		if i == len(l.Offers)-1 {
			next = 0
		}
		put(&b, uint16(1), uint16(0), uint16(i+2), uint16(1), uint32(0), uint32(20), next)
		put(&b, text.add(version), uint32(0))
	}
	return b.Bytes()
}

// layout puts the header first, then the sections, then their table.
func layout(sections []section, padding int) []byte {
	names := newStringTable()
	for _, s := range sections {
		names.add(s.name)
	}
	names.add(".shstrtab")
	sections = append(sections, section{name: ".shstrtab", typ: elf.SHT_STRTAB, data: names.Bytes()})
	var body bytes.Buffer
	var table []elf.Section64
	const header = 64
	for i, s := range sections {
		h := elf.Section64{Name: names.add(s.name), Type: uint32(s.typ), Link: s.link, Entsize: s.size, Addralign: 1}
		if i > 0 {
			h.Off, h.Size = uint64(header+body.Len()), uint64(len(s.data))
		}
		body.Write(s.data)
		table = append(table, h)
	}
	body.Write(make([]byte, padding))
	var out bytes.Buffer
	put(&out, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: header, Shentsize: 64,
		Shoff: uint64(header + body.Len()), Shnum: uint16(len(table)), Shstrndx: uint16(len(table) - 1), Phentsize: 56,
	})
	out.Write(body.Bytes())
	put(&out, table)
	return out.Bytes()
}
