// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// image is an ELF file with its table of sections. It is read by hand because
// debug/elf reads and allocates far more than the few sections that matter: the
// libraries of one environment have tens of thousands of sections.
type image struct {
	file     io.ReaderAt
	order    binary.ByteOrder
	class    elf.Class
	machine  elf.Machine
	sections []sectionHeader
}

// sectionHeader is the part of a section's header that is needed.
type sectionHeader struct {
	typ          elf.SectionType
	link         uint32
	offset, size uint64
}

// Bounds on what a hostile file may ask for, in bytes and entries.
const (
	maxSections = 8192
	maxDynamic  = 64 << 10
	maxVersions = 256 << 10
	maxString   = 4096
	maxNeeded   = 512
)

// Reasons why a file is not read.
var (
	// ErrNotELF is returned for a file of another format.
	ErrNotELF = errors.New("it is no ELF file")
	// ErrNotDynamic is returned for an ELF file without a dynamic section.
	ErrNotDynamic = errors.New("the file has no dynamic section")
	// ErrTruncated is returned for an ELF file that ends before its own headers
	// say.
	ErrTruncated = errors.New("the file ends before its own headers say")
)

func openImage(r io.ReaderAt) (*image, error) {
	head := make([]byte, 64)
	n, err := r.ReadAt(head, 0)
	if n < 52 || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, ErrNotELF
	}
	m := &image{file: r, class: elf.Class(head[elf.EI_CLASS])}
	switch elf.Data(head[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		m.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		m.order = binary.BigEndian
	default:
		return nil, ErrNotELF
	}
	m.machine = elf.Machine(m.order.Uint16(head[18:]))
	return m, m.readSections(head)
}

// readSections reads the table that the header points at.
func (m *image) readSections(head []byte) error {
	var offset uint64
	var width, count int
	switch m.class {
	case elf.ELFCLASS64:
		offset, width, count = m.order.Uint64(head[40:]), int(m.order.Uint16(head[58:])), int(m.order.Uint16(head[60:]))
	case elf.ELFCLASS32:
		offset, width, count = uint64(m.order.Uint32(head[32:])), int(m.order.Uint16(head[46:])), int(m.order.Uint16(head[48:]))
	default:
		return ErrNotELF
	}
	if least := map[elf.Class]int{elf.ELFCLASS64: 64, elf.ELFCLASS32: 40}[m.class]; width < least || width > 1024 {
		return fmt.Errorf("section headers of %d bytes are of no known format", width)
	}
	if offset == 0 || count == 0 {
		return ErrNotDynamic
	}
	if count > maxSections {
		return fmt.Errorf("it has %d sections, more than %d", count, maxSections)
	}
	table, err := m.bytesAt(offset, uint64(width*count))
	if err != nil {
		return err
	}
	m.sections = make([]sectionHeader, count)
	for i := range m.sections {
		m.sections[i] = m.sectionHeader(table[i*width:])
	}
	return nil
}

func (m *image) sectionHeader(b []byte) sectionHeader {
	typ := elf.SectionType(m.order.Uint32(b[4:]))
	if m.class == elf.ELFCLASS64 {
		return sectionHeader{typ, m.order.Uint32(b[40:]), m.order.Uint64(b[24:]), m.order.Uint64(b[32:])}
	}
	return sectionHeader{typ, m.order.Uint32(b[24:]), uint64(m.order.Uint32(b[16:])), uint64(m.order.Uint32(b[20:]))}
}

// section returns the first section of a type, or nil.
func (m *image) section(typ elf.SectionType) *sectionHeader {
	for i := range m.sections {
		if m.sections[i].typ == typ {
			return &m.sections[i]
		}
	}
	return nil
}

// bytesAt reads a part of the file, which must be there.
func (m *image) bytesAt(offset, size uint64) ([]byte, error) {
	if offset > 1<<62 || size > 1<<31 {
		return nil, ErrTruncated
	}
	if size > 1<<20 { // so large a buffer is made only for a file that has the bytes
		if _, err := m.file.ReadAt(make([]byte, 1), int64(offset+size-1)); err != nil {
			return nil, ErrTruncated
		}
	}
	buf := make([]byte, size)
	if n, err := m.file.ReadAt(buf, int64(offset)); uint64(n) < size {
		if err == nil || errors.Is(err, io.EOF) {
			err = ErrTruncated
		}
		return nil, err
	}
	return buf, nil
}

// data reads a section of at most limit bytes.
func (m *image) data(s *sectionHeader, limit uint64) ([]byte, error) {
	if s.size > limit {
		return nil, fmt.Errorf("a section has %d bytes, more than %d", s.size, limit)
	}
	return m.bytesAt(s.offset, s.size)
}

// texts returns a reader of the string table that a section links to.
func (m *image) texts(s *sectionHeader) *textReader {
	if uint64(s.link) >= uint64(len(m.sections)) {
		return &textReader{}
	}
	return &textReader{file: m.file, table: m.sections[s.link]}
}

// textReader reads strings of a table by windows: the tables of frameworks have
// megabytes, and the strings that are wanted stand close to each other.
type textReader struct {
	file   io.ReaderAt
	table  sectionHeader
	window []byte
	at     uint64 // offset of the window in the table
}

const textWindow = 1 << 10

func (r *textReader) text(at uint64) string {
	if at >= r.table.size || r.table.offset > 1<<62 {
		return ""
	}
	if s, ok := r.inWindow(at); ok {
		return s
	}
	for size := uint64(textWindow); size <= textWindow+maxString; size += maxString {
		r.at = at - min(at, textWindow/2)
		size = min(size, r.table.size-r.at)
		r.window = append(r.window[:0], make([]byte, size)...)
		n, _ := r.file.ReadAt(r.window, int64(r.table.offset+r.at))
		r.window = r.window[:n]
		if s, ok := r.inWindow(at); ok {
			return s
		}
	}
	return ""
}

func (r *textReader) inWindow(at uint64) (string, bool) {
	if at < r.at || at-r.at >= uint64(len(r.window)) {
		return "", false
	}
	rest := r.window[at-r.at:]
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		return "", false
	}
	return string(rest[:end]), true
}
