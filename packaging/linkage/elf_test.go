// SPDX-License-Identifier: Apache-2.0

package linkage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// image describes an executable for amd64 as far as it is looked at.
type image struct {
	machine elf.Machine
	loader  string
	needed  []string
	runpath string
	version string // of glibc
	flags   uint64 // DT_FLAGS
	bind    elf.SymBind
	section elf.SectionIndex
	symbol  string
}

// good is an executable without fault.
func good() image {
	return image{
		machine: elf.EM_X86_64, loader: targets["amd64"].loader, needed: []string{"libc.so.6", "libdl.so.2"},
		version: "GLIBC_2.17", bind: elf.STB_WEAK, symbol: "nvmlInit_v2",
	}
}

// stringTable is a table of strings.
type stringTable struct{ bytes.Buffer }

func (t *stringTable) add(s string) uint32 {
	if t.Len() == 0 {
		t.WriteByte(0)
	}
	at := uint32(t.Len())
	t.WriteString(s + "\x00")
	return at
}

func little(values ...any) []byte {
	var out bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&out, binary.LittleEndian, v); err != nil {
			panic(err) // the values are of fixed size
		}
	}
	return out.Bytes()
}

// write puts the executable together: a program header that names the loader, and
// the sections of dynamic linking.
func (i image) write(t *testing.T) string {
	t.Helper()
	var names stringTable
	symbol := elf.Sym64{Name: names.add(i.symbol), Info: elf.ST_INFO(i.bind, elf.STT_FUNC), Shndx: uint16(i.section)}
	var dynamic []byte
	for _, n := range i.needed {
		dynamic = append(dynamic, little(uint64(elf.DT_NEEDED), uint64(names.add(n)))...)
	}
	if i.runpath != "" {
		dynamic = append(dynamic, little(uint64(elf.DT_RUNPATH), uint64(names.add(i.runpath)))...)
	}
	dynamic = append(dynamic, little(uint64(elf.DT_FLAGS), i.flags, uint64(0), uint64(0))...)
	// One need: its library, then one version of it.
	need := little(uint16(1), uint16(1), names.add("libc.so.6"), uint32(16), uint32(0), uint32(0), uint16(0), uint16(2), names.add(i.version), uint32(0))
	sections := []struct {
		kind elf.SectionType
		link uint32
		size uint64
		data []byte
	}{
		{elf.SHT_STRTAB, 0, 0, names.Bytes()},
		{elf.SHT_DYNSYM, 1, elf.Sym64Size, little(elf.Sym64{}, symbol)},
		{elf.SHT_DYNAMIC, 1, 16, dynamic},
		{elf.SHT_GNU_VERNEED, 1, 0, need},
		{elf.SHT_GNU_VERSYM, 2, 2, little(uint16(0), uint16(2))},
	}
	const header, program = 64, 56
	loader := []byte(i.loader + "\x00")
	body := bytes.Clone(loader)
	var table []byte
	table = append(table, little(elf.Section64{})...)
	for _, s := range sections {
		table = append(table, little(elf.Section64{
			Type: uint32(s.kind), Off: uint64(header + program + len(body)), Size: uint64(len(s.data)), Link: s.link, Info: 1, Entsize: s.size,
		})...)
		body = append(body, s.data...)
	}
	file := little(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(i.machine), Version: uint32(elf.EV_CURRENT), Ehsize: header,
		Phoff: header, Phentsize: program, Phnum: 1, Shoff: uint64(header + program + len(body)), Shentsize: 64, Shnum: uint16(len(sections) + 1), Shstrndx: 1,
	}, elf.Prog64{Type: uint32(elf.PT_INTERP), Off: header + program, Filesz: uint64(len(loader))})
	name := filepath.Join(t.TempDir(), "bulkhead-plugin-gpu")
	if err := os.WriteFile(name, append(append(file, body...), table...), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*image)
		want   string
	}{
		"as it must be":              {func(*image) {}, ""},
		"an old glibc":               {func(i *image) { i.version = "GLIBC_2.2.5" }, ""},
		"another processor":          {func(i *image) { i.machine = elf.EM_AARCH64 }, "it is for EM_AARCH64"},
		"the loader of musl":         {func(i *image) { i.loader = "/lib/ld-musl-x86_64.so.1" }, "ld-musl"},
		"a library of the machine":   {func(i *image) { i.needed = append(i.needed, "libstdc++.so.6") }, "it needs libstdc++.so.6"},
		"NVML at the start":          {func(i *image) { i.needed = append(i.needed, "libnvidia-ml.so.1") }, "it needs libnvidia-ml.so.1"},
		"a search path":              {func(i *image) { i.runpath = "/home/me/lib" }, "search path"},
		"a new glibc":                {func(i *image) { i.version = "GLIBC_2.34" }, "it needs GLIBC_2.34 of libc.so.6"},
		"glibc's inner functions":    {func(i *image) { i.version = "GLIBC_PRIVATE" }, "GLIBC_PRIVATE"},
		"all bound at the start":     {func(i *image) { i.flags = uint64(elf.DF_BIND_NOW) }, "binds every function"},
		"functions that must exist":  {func(i *image) { i.bind = elf.STB_GLOBAL }, "nvmlInit_v2 is STB_GLOBAL"},
		"functions of its own":       {func(i *image) { i.section = 1 }, "must be weak and undefined"},
		"built without NVML":         {func(i *image) { i.symbol = "malloc" }, "built without"},
		"NVML's name in another one": {func(i *image) { i.symbol = "_cgo_nvmlInit" }, "built without"},
	} {
		t.Run(name, func(t *testing.T) {
			i := good()
			c.change(&i)
			err := Check(i.write(t), "amd64")
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestTellsAllAtOnce: who changes the linking sees everything that is wrong.
func TestTellsAllAtOnce(t *testing.T) {
	i := good()
	i.version, i.bind = "GLIBC_2.99", elf.STB_GLOBAL
	err := Check(i.write(t), "arm64")
	for _, want := range []string{"EM_X86_64", "GLIBC_2.99", "STB_GLOBAL"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
