// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"bytes"
	"debug/elf"
	"io"
	"slices"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Bounds on tables of symbols, in bytes: those of the largest frameworks have
// about a tenth.
const (
	maxSymbols   = 64 << 20
	maxHashTable = 32 << 20
)

// want is a symbol that an object does not define and cannot do without.
type want struct {
	name []byte
	// library and version are those of the version that it is bound to, "" for
	// a symbol without version.
	library, version string
	// place is the symbol's number.
	place int
}

// eachWanted visits the undefined symbols of a file that are not weak and bound
// to a library that concerns the caller; "" stands for no version. The name is
// valid during the visit. An error means that not all were visited.
func eachWanted(t *fact.Target, name string, concerns func(library string) bool, visit func(want)) error {
	file, err := t.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	m, err := openImage(file)
	if err != nil {
		return err
	}
	s, err := openSymbols(m)
	if err != nil || s == nil {
		return err
	}
	s.wanted(concerns, visit)
	return nil
}

// symbolTable is the undefined part of a table of dynamic symbols.
type symbolTable struct {
	image    *image
	entries  []byte
	versions []byte // uint16 for each symbol
	texts    nameReader
	needs    map[uint16]wantedVersion
}

// openSymbols reads what stands before the hashed symbols: the undefined ones.
func openSymbols(m *image) (*symbolTable, error) {
	section := m.section(elf.SHT_DYNSYM)
	if section == nil || uint64(section.link) >= uint64(len(m.sections)) {
		return nil, nil
	}
	part := *section
	if h, err := openHash(m); err == nil && h != nil {
		part.size = min(part.size, uint64(h.first)*symbolSize(m.class))
	}
	s := &symbolTable{image: m, needs: map[uint16]wantedVersion{}}
	var err error
	if s.entries, err = m.data(&part, maxSymbols); err != nil {
		return nil, err
	}
	if s.versions, err = m.symbolVersions(part.size / symbolSize(m.class)); err != nil {
		return nil, err
	}
	for _, need := range verneed(m) {
		s.needs[need.index] = need
	}
	s.texts = nameReader{file: m.file, table: m.sections[section.link]}
	return s, nil
}

// symbolVersions reads the numbers of the versions of the first symbols.
func (m *image) symbolVersions(count uint64) ([]byte, error) {
	section := m.section(elf.SHT_GNU_VERSYM)
	if section == nil {
		return nil, nil
	}
	part := *section
	part.size = min(part.size, 2*count)
	return m.data(&part, maxSymbols)
}

func symbolSize(c elf.Class) uint64 {
	if c == elf.ELFCLASS64 {
		return elf.Sym64Size
	}
	return elf.Sym32Size
}

// wanted visits in the order of the string table, so that it is read once.
func (s *symbolTable) wanted(concerns func(library string) bool, visit func(want)) {
	chosen := map[uint16]bool{}
	for index, need := range s.needs {
		chosen[index] = !need.weak && concerns(need.library)
	}
	unversioned := concerns("")
	var wants []uint64 // the offset of the name, then the number of the symbol
	for i := 1; i < len(s.entries)/int(symbolSize(s.image.class)); i++ {
		at, info, section := s.symbol(i)
		if section != elf.SHN_UNDEF || elf.ST_BIND(info) != elf.STB_GLOBAL || at == 0 {
			continue
		}
		if choice, versioned := chosen[s.version(i)]; choice || !versioned && unversioned {
			wants = append(wants, uint64(at)<<32|uint64(i))
		}
	}
	slices.Sort(wants)
	for _, w := range wants {
		place := int(uint32(w))
		if name := s.texts.name(w >> 32); len(name) > 0 {
			need := s.needs[s.version(place)]
			visit(want{name: name, library: need.library, version: need.version, place: place})
		}
	}
}

// version is the number of the version that a symbol is bound to; 0 and 1 mean none.
func (s *symbolTable) version(i int) uint16 {
	if 2*i+2 > len(s.versions) {
		return 0
	}
	return s.image.order.Uint16(s.versions[2*i:]) & versionIndex
}

// versionIndex masks the bit that hides a version of a symbol.
const versionIndex = 0x7fff

// symbol decodes one entry: the offset of its name, its binding and type, and
// the section that defines it.
func (s *symbolTable) symbol(i int) (name uint32, info byte, section elf.SectionIndex) {
	b := s.entries[i*int(symbolSize(s.image.class)):]
	if s.image.class == elf.ELFCLASS64 {
		return s.image.order.Uint32(b), b[4], elf.SectionIndex(s.image.order.Uint16(b[6:]))
	}
	return s.image.order.Uint32(b), b[12], elf.SectionIndex(s.image.order.Uint16(b[14:]))
}

// nameReader reads names of a table by chunks: the undefined symbols of a
// library stand on a small part of its pages.
type nameReader struct {
	file  io.ReaderAt
	table sectionHeader
	// chunk is the part of the table from at.
	chunk []byte
	at    uint64
}

const (
	nameChunk = 4 << 10
	maxName   = 64 << 10
)

// name returns the bytes of a name, which are valid until the next call; nil
// when there is none.
func (r *nameReader) name(at uint64) []byte {
	if name, ok := r.inChunk(at); ok {
		return name
	}
	for size := uint64(nameChunk); size <= maxName; size *= 4 {
		if !r.read(at, size) {
			return nil
		}
		if name, ok := r.inChunk(at); ok {
			return name
		}
	}
	return nil
}

func (r *nameReader) inChunk(at uint64) ([]byte, bool) {
	if at < r.at || at-r.at >= uint64(len(r.chunk)) {
		return nil, false
	}
	rest := r.chunk[at-r.at:]
	end := bytes.IndexByte(rest, 0)
	return rest[:max(end, 0)], end >= 0
}

func (r *nameReader) read(at, size uint64) bool {
	if at >= r.table.size || r.table.offset > 1<<62 {
		return false
	}
	size = min(size, r.table.size-at)
	if uint64(cap(r.chunk)) < size {
		r.chunk = make([]byte, size)
	}
	n, _ := r.file.ReadAt(r.chunk[:size], int64(r.table.offset+at))
	r.chunk, r.at = r.chunk[:n], at
	return n > 0
}
