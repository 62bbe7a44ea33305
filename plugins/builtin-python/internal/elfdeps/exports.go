// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// exports answers whether a library defines a symbol. Names are looked up by the
// GNU hash table, as the loader does, and compared by their 32-bit hash alone:
// a symbol that is missing is taken for a defined one in one of a billion cases.
// Libraries without such a table are listed name by name.
type exports struct {
	hash *hashTable
	// versions maps the number of a version to its name, symbols the place of a
	// symbol to the number.
	versions map[uint16]string
	symbols  []byte
	order    binary.ByteOrder
	// names holds the versions of each symbol where there is no hash table.
	names map[string][]string
}

func readExports(t *fact.Target, name string) (*exports, error) {
	file, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	m, err := openImage(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s as ELF: %w", name, err)
	}
	e := &exports{order: m.order, versions: verdef(m)}
	if e.hash, err = openHash(m); err != nil {
		return nil, err
	}
	if e.hash == nil {
		return e, e.list(m)
	}
	if len(e.versions) > 0 {
		e.symbols, err = m.symbolVersions(maxSymbols)
	}
	return e, err
}

// list reads all names.
func (e *exports) list(m *image) error {
	s, err := openSymbols(m)
	e.names = map[string][]string{}
	if err != nil || s == nil {
		return err
	}
	for i := 1; i < len(s.entries)/int(symbolSize(m.class)); i++ {
		at, info, section := s.symbol(i)
		if section == elf.SHN_UNDEF || elf.ST_BIND(info) == elf.STB_LOCAL || at == 0 {
			continue
		}
		name := string(s.texts.name(uint64(at)))
		e.names[name] = append(e.names[name], e.versions[s.version(i)])
	}
	return nil
}

// has reports whether a symbol is defined with a version, or with any when
// version is "". A library without versions answers for all, as for the loader.
func (e *exports) has(name []byte, version string) bool {
	if e.hash == nil {
		versions, ok := e.names[string(name)]
		if !ok || version == "" || len(e.versions) == 0 {
			return ok
		}
		for _, v := range versions {
			if v == version {
				return true
			}
		}
		return false
	}
	return e.hash.find(name, func(i uint32) bool {
		if version == "" || len(e.versions) == 0 || uint64(2*i+2) > uint64(len(e.symbols)) {
			return true
		}
		return e.versions[e.order.Uint16(e.symbols[2*i:])&versionIndex] == version
	})
}

// hashTable is a section of GNU's hash style: a Bloom filter, buckets, and for
// each symbol from number first on its hash, whose lowest bit ends a chain.
type hashTable struct {
	order                  binary.ByteOrder
	wide                   bool // words of the filter have 64 bits
	first                  uint32
	shift                  uint32
	filter, buckets, chain []byte
}

// openHash reads the table; nil when the library has none.
func openHash(m *image) (*hashTable, error) {
	section := m.section(elf.SHT_GNU_HASH)
	if section == nil {
		return nil, nil
	}
	data, err := m.data(section, maxHashTable)
	if err != nil || len(data) < 16 {
		return nil, err
	}
	u := func(at int) uint64 { return uint64(m.order.Uint32(data[at:])) }
	h := &hashTable{order: m.order, wide: m.class == elf.ELFCLASS64, first: uint32(u(4)), shift: uint32(u(12))}
	word := uint64(4)
	if h.wide {
		word = 8
	}
	buckets := 16 + u(8)*word
	chain := buckets + u(0)*4
	if u(0) == 0 || u(8) == 0 || chain > uint64(len(data)) {
		return nil, nil // a table of no use: the names are listed
	}
	h.filter, h.buckets, h.chain = data[16:buckets], data[buckets:chain], data[chain:]
	return h, nil
}

// gnuHash is the hash of a name in GNU's style.
func gnuHash(name []byte) uint32 {
	h := uint32(5381)
	for _, c := range name {
		h = h*33 + uint32(c)
	}
	return h
}

// find calls accept with the number of each symbol of a name until it accepts one.
func (h *hashTable) find(name []byte, accept func(uint32) bool) bool {
	hash := gnuHash(name)
	if !h.mayHold(hash) {
		return false
	}
	i := h.order.Uint32(h.buckets[4*(uint64(hash)%uint64(len(h.buckets)/4)):])
	if i < h.first {
		return false
	}
	for at := 4 * uint64(i-h.first); at+4 <= uint64(len(h.chain)); at += 4 {
		c := h.order.Uint32(h.chain[at:])
		if c|1 == hash|1 && accept(i) {
			return true
		}
		if c&1 != 0 {
			return false
		}
		i++
	}
	return false
}

// mayHold asks the Bloom filter.
func (h *hashTable) mayHold(hash uint32) bool {
	bits, width := uint64(32), uint64(4)
	if h.wide {
		bits, width = 64, 8
	}
	at := width * (uint64(hash) / bits % (uint64(len(h.filter)) / width))
	word := uint64(h.order.Uint32(h.filter[at:]))
	if h.wide {
		word = h.order.Uint64(h.filter[at:])
	}
	return word>>(uint64(hash)%bits)&1 != 0 && word>>(uint64(hash>>(h.shift&31))%bits)&1 != 0
}
