// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// library describes a 64-bit little-endian ELF file. It has what a linker writes
// for the loader: segments, a dynamic section, a hash table, symbols and
// version tables. It has no code.
type library struct {
	machine        elf.Machine
	soname, interp string
	needed         []string
	rpath, runpath string
	// wants are the versions wanted of other libraries, in order of library;
	// offers are the versions that this one defines.
	wants  []want
	offers []string
	// defines and uses are dynamic symbols, each "name" or "name@version".
	defines, uses []string
	size          int // the file is at least so long
}

type want struct {
	library  string
	versions []string
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

// section is one section of the file. Addresses are offsets: the file is mapped
// as it stands.
type section struct {
	name  string
	typ   elf.SectionType
	link  uint32
	info  uint32
	entry uint64 // size of an entry
	data  []byte
	off   uint64
}

const (
	elfHeaderSize  = 64
	progHeaderSize = 56
	dynamicEntry   = 16
	symbolSize     = 24
)

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(b, binary.LittleEndian, v) // a Buffer does not fail
	}
}

// bytes writes the file.
func (l library) bytes() []byte {
	text := newStringTable()
	indexes := l.versionIndexes()
	symbols, versions := l.symbols(text, indexes)
	sections := []*section{{}}
	if l.interp != "" {
		sections = append(sections, &section{name: ".interp", typ: elf.SHT_PROGBITS, data: append([]byte(l.interp), 0)})
	}
	strtab := &section{name: ".dynstr", typ: elf.SHT_STRTAB}
	at := uint32(len(sections))
	sections = append(sections, strtab,
		&section{name: ".dynsym", typ: elf.SHT_DYNSYM, link: at, info: 1, entry: symbolSize, data: symbols},
		&section{name: ".hash", typ: elf.SHT_HASH, link: at + 1, entry: 4, data: l.hash()})
	if len(indexes) > 0 {
		sections = append(sections, &section{name: ".gnu.version", typ: elf.SHT_GNU_VERSYM, link: at + 1, entry: 2, data: versions})
	}
	if len(l.wants) > 0 {
		sections = append(sections, &section{name: ".gnu.version_r", typ: elf.SHT_GNU_VERNEED, link: at, info: uint32(len(l.wants)), data: l.verneed(text, indexes)})
	}
	if len(l.offers) > 0 {
		sections = append(sections, &section{name: ".gnu.version_d", typ: elf.SHT_GNU_VERDEF, link: at, info: uint32(len(l.offers) + 1), data: l.verdef(text)})
	}
	dynamic := &section{name: ".dynamic", typ: elf.SHT_DYNAMIC, link: at, entry: dynamicEntry}
	sections = append(sections, dynamic)
	entries := l.dynamic(text)
	strtab.data = text.Bytes()
	dynamic.data = make([]byte, (len(entries)+len(tablesOf(sections))+2)*dynamicEntry)
	end := place(sections, l.interp != "")
	dynamic.data = encodeDynamic(append(entries, append(tablesOf(sections), dynEntry{elf.DT_STRSZ, uint64(len(strtab.data))}, dynEntry{})...))
	return l.file(sections, end)
}

// place gives every section its offset, behind the headers, and returns where
// they end.
func place(sections []*section, interp bool) uint64 {
	off := uint64(elfHeaderSize + segmentCount(interp)*progHeaderSize)
	for _, s := range sections[1:] {
		off = (off + 7) &^ 7
		s.off = off
		off += uint64(len(s.data))
	}
	return off
}

func segmentCount(interp bool) int {
	if interp {
		return 3
	}
	return 2
}

// file joins header, segments, sections and their table.
func (l library) file(sections []*section, end uint64) []byte {
	names := newStringTable()
	for _, s := range sections {
		names.add(s.name)
	}
	names.add(".shstrtab")
	sections = append(sections, &section{name: ".shstrtab", typ: elf.SHT_STRTAB, data: names.Bytes(), off: end})
	tableAt := max(end+uint64(names.Len()), uint64(l.size))
	tableAt = (tableAt + 7) &^ 7
	var out bytes.Buffer
	put(&out, l.header(tableAt, len(sections)))
	put(&out, segments(sections, tableAt))
	for _, s := range sections[1:] {
		out.Write(make([]byte, int(s.off)-out.Len()))
		out.Write(s.data)
	}
	out.Write(make([]byte, int(tableAt)-out.Len()))
	for _, s := range sections {
		put(&out, s.header(names))
	}
	return out.Bytes()
}

func (l library) header(tableAt uint64, sections int) elf.Header64 {
	typ := elf.ET_DYN
	return elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(typ), Machine: uint16(l.machine), Version: 1, Ehsize: elfHeaderSize, Shentsize: 64,
		Phoff: elfHeaderSize, Phentsize: progHeaderSize, Phnum: uint16(segmentCount(l.interp != "")),
		Shoff: tableAt, Shnum: uint16(sections), Shstrndx: uint16(sections - 1),
	}
}

// segments map the whole file, and say where the dynamic section and the name
// of the loader are.
func segments(sections []*section, end uint64) []elf.Prog64 {
	out := []elf.Prog64{{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R), Filesz: end, Memsz: end, Align: 0x1000}}
	for _, s := range sections {
		typ := map[string]elf.ProgType{".interp": elf.PT_INTERP, ".dynamic": elf.PT_DYNAMIC}[s.name]
		if typ != elf.PT_NULL {
			size := uint64(len(s.data))
			out = append(out, elf.Prog64{Type: uint32(typ), Flags: uint32(elf.PF_R), Off: s.off, Vaddr: s.off, Paddr: s.off, Filesz: size, Memsz: size, Align: 8})
		}
	}
	return out
}

func (s *section) header(names *stringTable) elf.Section64 {
	h := elf.Section64{Name: names.add(s.name), Type: uint32(s.typ), Link: s.link, Info: s.info, Entsize: s.entry, Off: s.off, Size: uint64(len(s.data)), Addralign: 8}
	if s.typ == elf.SHT_NULL {
		return elf.Section64{}
	}
	if s.name != ".shstrtab" {
		h.Flags, h.Addr = uint64(elf.SHF_ALLOC), s.off
	}
	return h
}
