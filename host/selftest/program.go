// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"runtime"
)

// exits is the code of a program that ends with status 0.
var exits = map[string][]byte{
	"amd64": {0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05},               // mov $60,%eax; xor %edi,%edi; syscall
	"arm64": {0xa8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 1, 0, 0, 0xd4}, // mov x8,#93; mov x0,#0; svc #0
}

// smallProgram is an executable of two pages that does nothing but end.
func smallProgram() []byte {
	const base, head, page = 0x400000, 64 + 56, 4096
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	code := exits[runtime.GOARCH]
	var b bytes.Buffer
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Entry: base + head, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	load := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base, Filesz: 2 * page, Memsz: 2 * page, Align: page}
	_ = binary.Write(&b, binary.LittleEndian, header) // into memory: cannot fail
	_ = binary.Write(&b, binary.LittleEndian, load)
	b.Write(code)
	b.Write(make([]byte, 2*page-b.Len()))
	return b.Bytes()
}
