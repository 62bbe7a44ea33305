// SPDX-License-Identifier: Apache-2.0

// Package elfdeps follows the shared libraries that an ELF file needs, as the
// dynamic loader of glibc would, without loading anything.
//
// For each NEEDED name the places are searched in the loader's order (ld.so(8)):
//
//  1. DT_RPATH of the object and then of those that loaded it, unless the
//     object has DT_RUNPATH;
//  2. LD_LIBRARY_PATH;
//  3. DT_RUNPATH of the object;
//  4. /etc/ld.so.cache;
//  5. the default directories.
//
// A name that an object loaded earlier already answers to (its DT_SONAME, or
// the name it was asked by) is not searched again. The walk is breadth first,
// as dlopen's is. Libraries outside the environment are found but not walked:
// they are the system's own affair.
//
// Files are read by debug/elf for the headers and by small reads for the few
// strings that are needed; the string table of a large framework has tens of
// megabytes and is never read whole.
package elfdeps

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Object is what the loader reads of an ELF file.
type Object struct {
	// Path on the target, with links as they were followed by name.
	Path    string
	Soname  string
	Needed  []string
	RPath   []string
	RunPath []string
	// Needs maps a library's name to the symbol versions wanted of it.
	Needs   map[string][]string
	Machine elf.Machine
	Class   elf.Class
}

// Bounds on what a hostile file may ask for.
const (
	maxDynamic = 64 << 10
	maxVerneed = 64 << 10
	maxString  = 4096
	maxNeeded  = 512
)

// ErrNotDynamic is returned for an ELF file without a dynamic section.
var ErrNotDynamic = errors.New("the file has no dynamic section")

// Read reads one object of a target.
func Read(t *fact.Target, name string) (*Object, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s as ELF: %w", name, err)
	}
	o.Path = name
	return o, nil
}

func read(r io.ReaderAt) (*Object, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	o := &Object{Machine: f.Machine, Class: f.Class}
	if err := o.dynamic(f); err != nil {
		return nil, err
	}
	o.Needs = verneed(f)
	return o, nil
}

func (o *Object) dynamic(f *elf.File) error {
	section := f.SectionByType(elf.SHT_DYNAMIC)
	if section == nil {
		return ErrNotDynamic
	}
	data, err := bounded(section, maxDynamic)
	if err != nil {
		return err
	}
	text := stringsOf(f, section)
	for tag, value := range dynamicTags(f, data) {
		switch tag {
		case elf.DT_NEEDED:
			if len(o.Needed) < maxNeeded {
				o.Needed = append(o.Needed, text(value))
			}
		case elf.DT_SONAME:
			o.Soname = text(value)
		case elf.DT_RPATH:
			o.RPath = splitPath(text(value))
		case elf.DT_RUNPATH:
			o.RunPath = splitPath(text(value))
		}
	}
	return nil
}

// dynamicTags yields the tags of a dynamic section up to DT_NULL.
func dynamicTags(f *elf.File, data []byte) func(yield func(elf.DynTag, uint64) bool) {
	width := 16
	if f.Class == elf.ELFCLASS32 {
		width = 8
	}
	return func(yield func(elf.DynTag, uint64) bool) {
		for ; len(data) >= width; data = data[width:] {
			var tag, value uint64
			if width == 16 {
				tag, value = f.ByteOrder.Uint64(data), f.ByteOrder.Uint64(data[8:])
			} else {
				tag, value = uint64(f.ByteOrder.Uint32(data)), uint64(f.ByteOrder.Uint32(data[4:]))
			}
			if elf.DynTag(tag) == elf.DT_NULL || !yield(elf.DynTag(tag), value) {
				return
			}
		}
	}
}

// verneed reads which symbol versions the object wants of which library.
func verneed(f *elf.File) map[string][]string {
	section := f.SectionByType(elf.SHT_GNU_VERNEED)
	if section == nil {
		return nil
	}
	data, err := bounded(section, maxVerneed)
	if err != nil {
		return nil
	}
	text := stringsOf(f, section)
	out := map[string][]string{}
	eachLinked(f, data, 12, func(need []byte) {
		library := text(uint64(f.ByteOrder.Uint32(need[4:])))
		aux := offset(need, f.ByteOrder.Uint32(need[8:]))
		eachLinked(f, aux, 12, func(a []byte) {
			if weak := f.ByteOrder.Uint16(a[4:])&verFlagWeak != 0; !weak {
				out[library] = append(out[library], text(uint64(f.ByteOrder.Uint32(a[8:]))))
			}
		})
	})
	return out
}

// verFlagWeak is VER_FLG_WEAK: the loader does not insist on such a version.
const verFlagWeak = 2

// Defines returns the symbol versions that a library offers.
func Defines(t *fact.Target, name string) (map[string]bool, error) {
	file, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s as ELF: %w", name, err)
	}
	return verdef(f), nil
}

func verdef(f *elf.File) map[string]bool {
	section := f.SectionByType(elf.SHT_GNU_VERDEF)
	if section == nil {
		return nil
	}
	data, err := bounded(section, maxVerneed)
	if err != nil {
		return nil
	}
	text := stringsOf(f, section)
	out := map[string]bool{}
	eachLinked(f, data, 16, func(def []byte) {
		aux := offset(def, f.ByteOrder.Uint32(def[12:]))
		if len(aux) >= 8 {
			out[text(uint64(f.ByteOrder.Uint32(aux)))] = true
		}
	})
	return out
}

// eachLinked walks the records of a GNU version table. The last word of each,
// at offset link, is the distance to the next: vn_next and vna_next at 12,
// vd_next at 16.
func eachLinked(f *elf.File, data []byte, link int, visit func([]byte)) {
	for range maxRecords {
		if len(data) < link+4 {
			return
		}
		visit(data)
		next := f.ByteOrder.Uint32(data[link:])
		if next == 0 {
			return
		}
		data = offset(data, next)
	}
}

const maxRecords = 4096

func offset(data []byte, n uint32) []byte {
	if uint64(n) > uint64(len(data)) {
		return nil
	}
	return data[n:]
}

// stringsOf returns a reader of the string table that a section links to.
func stringsOf(f *elf.File, s *elf.Section) func(uint64) string {
	if int(s.Link) >= len(f.Sections) {
		return func(uint64) string { return "" }
	}
	table := f.Sections[s.Link]
	return func(at uint64) string {
		if at >= table.Size {
			return ""
		}
		return stringAt(table, int64(at))
	}
}

func stringAt(r io.ReaderAt, at int64) string {
	for size := 128; size <= maxString; size *= 4 {
		buf := make([]byte, size)
		n, err := r.ReadAt(buf, at)
		if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
			return string(buf[:end])
		}
		if err != nil {
			return ""
		}
	}
	return ""
}

func bounded(s *elf.Section, limit uint64) ([]byte, error) {
	if s.Size > limit {
		return nil, fmt.Errorf("section %s has %d bytes, more than %d", s.Name, s.Size, limit)
	}
	return s.Data()
}

func splitPath(list string) []string {
	var out []string
	for dir := range strings.SplitSeq(list, ":") {
		if dir != "" {
			out = append(out, dir)
		}
	}
	return out
}
