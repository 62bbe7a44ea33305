// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// program is an ELF file with one segment that names a loader.
func program(loader string) []byte {
	const head, segment = 64, 56
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1},
		Phoff: head, Phentsize: segment, Phnum: 2, Ehsize: head,
	}
	var b bytes.Buffer
	for _, part := range []any{
		h, elf.Prog64{Type: uint32(elf.PT_LOAD)},
		elf.Prog64{Type: uint32(elf.PT_INTERP), Off: head + 2*segment, Filesz: uint64(len(loader) + 1)},
	} {
		_ = binary.Write(&b, binary.LittleEndian, part)
	}
	b.WriteString(loader + "\x00")
	return b.Bytes()
}

func TestProgramLoader(t *testing.T) {
	whole := program("/lib64/ld-linux-x86-64.so.2")
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"program":   {whole, "/lib64/ld-linux-x86-64.so.2"},
		"cut short": {whole[:len(whole)-3], ""},
		"no table":  {whole[:70], ""},
		"script":    {[]byte("#!/bin/sh\n"), ""},
		"empty":     {nil, ""},
	} {
		if got := programLoader(bytes.NewReader(tt.file)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func FuzzProgramLoader(f *testing.F) {
	f.Add(program("/lib64/ld-linux-x86-64.so.2"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if got := programLoader(bytes.NewReader(file)); len(got) > maxString {
			t.Errorf("%d bytes", len(got))
		}
	})
}
