// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sampleELF = `-- root.elf --
lib/liba.so.1
  needed libb.so.2 libc.so.6
  runpath $ORIGIN/../b
  want libb.so.2 V1 V2
  want libc.so.6 GLIBC_2.17
  offer A1 A2
  use f@V2 g@GLIBC_2.17 plain
  define h@A1 i
  size 9000
bin/tool
  interp /lib64/ld-linux-x86-64.so.2
  rpath /opt/lib
  machine arm64
`

func sample(t *testing.T) *Machine {
	t.Helper()
	return mustLoad(t, sampleELF)
}

func open(t *testing.T, m *Machine, name string) *elf.File {
	t.Helper()
	f, err := elf.NewFile(strings.NewReader(m.text(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What is written is what debug/elf reads.
func TestELF(t *testing.T) {
	m := sample(t)
	f := open(t, m, "lib/liba.so.1")
	for tag, want := range map[elf.DynTag][]string{
		elf.DT_NEEDED: {"libb.so.2", "libc.so.6"}, elf.DT_SONAME: {"liba.so.1"}, elf.DT_RUNPATH: {"$ORIGIN/../b"}, elf.DT_RPATH: nil,
	} {
		if got, err := f.DynString(tag); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", tag, got, err, want)
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range symbols {
		got = append(got, s.Name+"@"+s.Version+"@"+s.Library+"@"+s.Section.String())
	}
	want := []string{
		"f@V2@libb.so.2@SHN_UNDEF", "g@GLIBC_2.17@libc.so.6@SHN_UNDEF", "plain@@@SHN_UNDEF", "h@A1@@SHN_UNDEF+1", "i@@@SHN_UNDEF+1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("symbols %q, want %q", got, want)
	}
	if offers, err := f.DynamicVersions(); err != nil || len(offers) != 3 || offers[2].Name != "A2" {
		t.Errorf("%+v, %v", offers, err)
	}
	if n := len(m.text(t, "lib/liba.so.1")); n < 9000 {
		t.Errorf("%d bytes", n)
	}
	if tool := open(t, m, "bin/tool"); tool.Machine != elf.EM_AARCH64 || len(tool.Progs) != 3 {
		t.Errorf("%+v", tool.FileHeader)
	}
}

// The tables that the loader follows through the dynamic section are where it
// says.
func TestELFSegments(t *testing.T) {
	f := open(t, sample(t), "lib/liba.so.1")
	for tag, name := range map[elf.DynTag]string{
		elf.DT_STRTAB: ".dynstr", elf.DT_SYMTAB: ".dynsym", elf.DT_HASH: ".hash",
		elf.DT_VERSYM: ".gnu.version", elf.DT_VERNEED: ".gnu.version_r", elf.DT_VERDEF: ".gnu.version_d",
	} {
		at, err := f.DynValue(tag)
		if err != nil || len(at) != 1 || at[0] != f.Section(name).Addr || at[0] != f.Section(name).Offset {
			t.Errorf("%s is %v, %v; the section is at %d", tag, at, err, f.Section(name).Offset)
		}
	}
	if p := f.Progs[1]; p.Type != elf.PT_DYNAMIC || p.Off != f.Section(".dynamic").Offset {
		t.Errorf("%+v", p)
	}
}

// binutils reads it without a complaint, where there are binutils.
func TestELFWithReadelf(t *testing.T) {
	readelf, err := exec.LookPath("readelf")
	if err != nil {
		t.Skip(err)
	}
	name := filepath.Join(t.TempDir(), "liba.so.1")
	if err := os.WriteFile(name, []byte(sample(t).text(t, "lib/liba.so.1")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(readelf, "--wide", "-a", "-V", name).CombinedOutput()
	if err != nil || bytes.Contains(bytes.ToLower(out), []byte("warning")) || bytes.Contains(bytes.ToLower(out), []byte("error")) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{"f@V2", "h@@A1", "Library runpath: [$ORIGIN/../b]"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestSysvHash(t *testing.T) {
	// From the glibc sources: the hash of "GLIBC_2.2.5" is 0x09691a75.
	if got := sysvHash("GLIBC_2.2.5"); got != 0x09691a75 {
		t.Errorf("%#x", got)
	}
}

func TestLoaderCache(t *testing.T) {
	m := mustLoad(t, "-- root.ldcache --\nlibc.so.6 => /lib/libc.so.6\nlibcuda.so.1 => /usr/lib/wsl/lib/libcuda.so.1\n")
	data := []byte(m.text(t, "etc/ld.so.cache"))
	if !bytes.HasPrefix(data, []byte(cacheMagic)) || binary.LittleEndian.Uint32(data[20:]) != 2 {
		t.Fatalf("%q", data)
	}
	at := binary.LittleEndian.Uint32(data[cacheHeaderSize+cacheEntrySize+8:])
	if got, _, _ := bytes.Cut(data[at:], []byte{0}); string(got) != "/usr/lib/wsl/lib/libcuda.so.1" {
		t.Errorf("%q", got)
	}
	ldconfig, err := exec.LookPath("ldconfig")
	if err != nil {
		return
	}
	name := filepath.Join(t.TempDir(), "cache")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ldconfig, "-p", "-C", name).Output()
	if err != nil || !bytes.Contains(out, []byte("libcuda.so.1 (libc6,x86-64) => /usr/lib/wsl/lib/libcuda.so.1")) {
		t.Errorf("%v\n%s", err, out)
	}
}
