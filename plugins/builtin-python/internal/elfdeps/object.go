// SPDX-License-Identifier: Apache-2.0

// Package elfdeps follows the shared libraries that an ELF file needs, as the
// dynamic loader of glibc would, without loading anything.
//
// For each NEEDED name the places are searched in the loader's order (ld.so(8)):
//
//  1. DT_RPATH of the object and then of those that loaded it, unless the
//     object has DT_RUNPATH;
//  2. LD_LIBRARY_PATH, whose empty and relative elements are places in the
//     working directory, taken to be the project;
//  3. DT_RUNPATH of the object;
//  4. /etc/ld.so.cache;
//  5. the default directories;
//  6. for the libraries that a package opens by path itself, see Preload.
//
// The loader of an interpreter from a store of packages has no places 4 and 5,
// see System.
//
// A name that an object loaded earlier already answers to (its DT_SONAME, or
// the name it was asked by) is not searched again. The walk is breadth first,
// as dlopen's is. Libraries outside the environment are found but not walked:
// they are the system's own affair.
//
// Of each file the table of sections, the dynamic section, the version tables
// and the few strings that those name are read, each by itself. Symbols are
// read only of libraries that ask one from elsewhere for some (see Lacking), and
// looked up by the hash table that the loader uses too, so that the hundred
// thousand names of a framework are not compared.
package elfdeps

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

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

	once sync.Once
	dirs searched
}

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
	m, err := openImage(r)
	if err != nil {
		return nil, err
	}
	o := &Object{Machine: m.machine, Class: m.class}
	if err := o.dynamic(m); err != nil {
		return nil, err
	}
	for _, need := range verneed(m) {
		if o.Needs == nil {
			o.Needs = map[string][]string{}
		}
		if !need.weak {
			o.Needs[need.library] = append(o.Needs[need.library], need.version)
		}
	}
	return o, nil
}

func (o *Object) dynamic(m *image) error {
	section := m.section(elf.SHT_DYNAMIC)
	if section == nil {
		return ErrNotDynamic
	}
	data, err := m.data(section, maxDynamic)
	if err != nil {
		return err
	}
	texts := m.texts(section)
	for tag, value := range dynamicTags(m, data) {
		switch tag {
		case elf.DT_NEEDED:
			if len(o.Needed) < maxNeeded {
				o.Needed = append(o.Needed, texts.text(value))
			}
		case elf.DT_SONAME:
			o.Soname = texts.text(value)
		case elf.DT_RPATH:
			o.RPath = splitPath(texts.text(value))
		case elf.DT_RUNPATH:
			o.RunPath = splitPath(texts.text(value))
		}
	}
	return nil
}

// dynamicTags yields the tags of a dynamic section up to DT_NULL.
func dynamicTags(m *image, data []byte) func(yield func(elf.DynTag, uint64) bool) {
	width := 16
	if m.class == elf.ELFCLASS32 {
		width = 8
	}
	return func(yield func(elf.DynTag, uint64) bool) {
		for ; len(data) >= width; data = data[width:] {
			var tag, value uint64
			if width == 16 {
				tag, value = m.order.Uint64(data), m.order.Uint64(data[8:])
			} else {
				tag, value = uint64(m.order.Uint32(data)), uint64(m.order.Uint32(data[4:]))
			}
			if elf.DynTag(tag) == elf.DT_NULL || !yield(elf.DynTag(tag), value) {
				return
			}
		}
	}
}

// wantedVersion is a symbol version that an object wants of a library. index is
// the number by which its symbols refer to it.
type wantedVersion struct {
	library, version string
	index            uint16
	weak             bool
}

// verneed reads which symbol versions the object wants of which library.
func verneed(m *image) []wantedVersion {
	section := m.section(elf.SHT_GNU_VERNEED)
	if section == nil {
		return nil
	}
	data, err := m.data(section, maxVersions)
	if err != nil {
		return nil
	}
	texts := m.texts(section)
	var out []wantedVersion
	eachLinked(m.order, data, 12, func(need []byte) {
		library := texts.text(uint64(m.order.Uint32(need[4:])))
		aux := offset(need, m.order.Uint32(need[8:]))
		eachLinked(m.order, aux, 12, func(a []byte) {
			out = append(out, wantedVersion{
				library: library, version: texts.text(uint64(m.order.Uint32(a[8:]))),
				index: m.order.Uint16(a[6:]), weak: m.order.Uint16(a[4:])&verFlagWeak != 0,
			})
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
	m, err := openImage(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s as ELF: %w", name, err)
	}
	versions := verdef(m)
	if versions == nil {
		return nil, nil
	}
	out := map[string]bool{}
	for _, version := range versions {
		out[version] = true
	}
	return out, nil
}

// verdef reads the versions that a library defines, by the number by which its
// symbols refer to them.
func verdef(m *image) map[uint16]string {
	section := m.section(elf.SHT_GNU_VERDEF)
	if section == nil {
		return nil
	}
	data, err := m.data(section, maxVersions)
	if err != nil {
		return nil
	}
	texts := m.texts(section)
	out := map[uint16]string{}
	eachLinked(m.order, data, 16, func(def []byte) {
		aux := offset(def, m.order.Uint32(def[12:]))
		if len(aux) >= 8 {
			out[m.order.Uint16(def[4:])] = texts.text(uint64(m.order.Uint32(aux)))
		}
	})
	return out
}

// eachLinked walks the records of a GNU version table. The last word of each,
// at offset link, is the distance to the next: vn_next and vna_next at 12,
// vd_next at 16.
func eachLinked(order binary.ByteOrder, data []byte, link int, visit func([]byte)) {
	for range maxRecords {
		if len(data) < link+4 {
			return
		}
		visit(data)
		next := order.Uint32(data[link:])
		if next == 0 {
			return
		}
		data = offset(data, next)
	}
}

// maxRecords bounds a list of versions: of a hostile file each of the first
// list has a second one.
const maxRecords = 512

func offset(data []byte, n uint32) []byte {
	if uint64(n) > uint64(len(data)) {
		return nil
	}
	return data[n:]
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
