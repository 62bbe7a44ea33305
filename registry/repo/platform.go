// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

var elfArch = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_386: "386", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv64",
	elf.EM_S390: "s390x", elf.EM_LOONGARCH: "loong64",
}

var elfSystem = map[elf.OSABI]string{
	elf.ELFOSABI_NONE: "linux", elf.ELFOSABI_LINUX: "linux", elf.ELFOSABI_FREEBSD: "freebsd", elf.ELFOSABI_NETBSD: "netbsd",
	elf.ELFOSABI_OPENBSD: "openbsd", elf.ELFOSABI_SOLARIS: "solaris",
}

var machoArch = map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}

var peArch = map[uint16]string{
	pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_I386: "386", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
}

// platformOf is the platform of an executable as its first bytes tell it: that of
// an ELF, Mach-O or PE file, or "any" for a script. An ELF file that names no
// system is taken for one of Linux. It is empty where nothing is known.
func platformOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	return platformOfHead(f, head[:n]), nil
}

func platformOfHead(f io.ReaderAt, head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return release.Any
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return elfPlatform(head)
	case bytes.HasPrefix(head, []byte("MZ")):
		return pePlatform(f, head)
	case len(head) >= 8 && binary.LittleEndian.Uint32(head) == macho.Magic64:
		return join("darwin", machoArch[macho.Cpu(binary.LittleEndian.Uint32(head[4:]))])
	}
	return ""
}

// elfPlatform reads the identification and the machine.
func elfPlatform(head []byte) string {
	if len(head) < 20 {
		return ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	machine := elf.Machine(order.Uint16(head[18:]))
	arch := elfArch[machine]
	if machine == elf.EM_PPC64 {
		arch = "ppc64"
		if order == binary.LittleEndian {
			arch = "ppc64le"
		}
	}
	return join(elfSystem[elf.OSABI(head[elf.EI_OSABI])], arch)
}

// pePlatform reads the machine behind the header that DOS knows.
func pePlatform(f io.ReaderAt, head []byte) string {
	if len(head) < 64 {
		return ""
	}
	mark := make([]byte, 6)
	if _, err := f.ReadAt(mark, int64(binary.LittleEndian.Uint32(head[60:]))); err != nil || !bytes.HasPrefix(mark, []byte("PE\x00\x00")) {
		return ""
	}
	return join("windows", peArch[binary.LittleEndian.Uint16(mark[4:])])
}

func join(system, arch string) string {
	if system == "" || arch == "" {
		return ""
	}
	return system + "_" + arch
}
