// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// maxSegments bounds the program headers that are read.
const maxSegments = 256

// ProgramLoader is the loader that a 64-bit program names for itself
// ("/lib64/ld-linux-x86-64.so.2"), "" for a program without one and for a file
// that cannot be read as a program.
func ProgramLoader(t *fact.Target, program string) string {
	f, err := t.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	return programLoader(f)
}

func programLoader(r io.ReaderAt) string {
	var h elf.Header64
	head := make([]byte, binary.Size(h))
	if _, err := r.ReadAt(head, 0); err != nil || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) ||
		head[elf.EI_CLASS] != byte(elf.ELFCLASS64) || head[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return ""
	}
	_, _ = binary.Decode(head, binary.LittleEndian, &h) // it is as long as it must be
	var p elf.Prog64
	width := binary.Size(p)
	if int(h.Phentsize) != width || h.Phnum > maxSegments {
		return ""
	}
	table := make([]byte, int(h.Phnum)*width)
	if _, err := r.ReadAt(table, int64(h.Phoff)); err != nil {
		return ""
	}
	for ; len(table) >= width; table = table[width:] {
		_, _ = binary.Decode(table, binary.LittleEndian, &p)
		if elf.ProgType(p.Type) == elf.PT_INTERP && p.Filesz <= maxString {
			name := make([]byte, p.Filesz)
			if _, err := r.ReadAt(name, int64(p.Off)); err == nil {
				return string(bytes.TrimRight(name, "\x00"))
			}
		}
	}
	return ""
}
