// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The environment of the benchmark: 250 distributions, of which torch and its
// CUDA libraries have 30 shared libraries.
const (
	distributions = 250
	cudaLibraries = 24
)

var torchLibraries = map[string][]string{
	"libtorch_global_deps.so": nil, "libc10.so": nil, "libtorch_cpu.so": {"libc10.so"},
	"libtorch.so": {"libtorch_cuda.so", "libtorch_cpu.so"}, "libtorch_python.so": {"libtorch.so", "libc10.so"},
}

// makeEnvironment writes a machine with a GPU and the environment /opt/env below
// a temporary directory, which it returns.
func makeEnvironment(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	if err := unpackMachines(root, "base", "rtx4090", "driver-535"); err != nil {
		tb.Fatal(err)
	}
	site := filepath.Join(root, "opt/env/lib/python3.11/site-packages")
	files := map[string][]byte{
		filepath.Join(root, "opt/env/pyvenv.cfg"):             []byte("home = /usr/bin\nversion = 3.11.7\n"),
		filepath.Join(root, "opt/env/bin/python3"):            nil,
		filepath.Join(root, "usr/bin/python3"):                nil,
		filepath.Join(root, "usr/lib/python3.11/os.py"):       nil,
		filepath.Join(root, "lib/x86_64-linux-gnu/libc.so.6"): library("libc.so.6", nil),
	}
	addTorch(files, site)
	for i := range distributions - cudaLibraries - 1 {
		addOrdinary(files, site, i)
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

// addTorch adds torch and a distribution for each CUDA library.
func addTorch(files map[string][]byte, site string) {
	var needed, requires []string
	for i := range cudaLibraries {
		soname, name := fmt.Sprintf("libcupart%d.so.12", i), fmt.Sprintf("nvidia-part%d-cu12", i)
		file := fmt.Sprintf("nvidia/part%d/lib/%s", i, soname)
		addDistribution(files, site, name, "12.4.127", nil, map[string][]byte{file: library(soname, []string{"libc.so.6"})})
		needed, requires = append(needed, soname), append(requires, name+"==12.4.127")
	}
	own := map[string][]byte{
		"torch/version.py":                         []byte("__version__ = '2.5.1+cu124'\ncuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n"),
		"torch/_C.cpython-311-x86_64-linux-gnu.so": library("_C.so", []string{"libtorch_python.so"}),
		"torch/lib/libtorch_cuda.so":               library("libtorch_cuda.so", needed),
		"torch/__init__.py":                        []byte("from torch._C import *\n"),
		"torch/utils/collect_env.py":               []byte("# slow\n"),
		"torch/nn/modules/activation.py":           []byte("# relu\n"),
	}
	for soname, of := range torchLibraries {
		own["torch/lib/"+soname] = library(soname, of)
	}
	addDistribution(files, site, "torch", "2.5.1+cu124", requires, own)
}

// addOrdinary adds a distribution of 20 modules with requirements.
func addOrdinary(files map[string][]byte, site string, i int) {
	name, own := fmt.Sprintf("package%d", i), map[string][]byte{}
	for j := range 20 {
		own[fmt.Sprintf("%s/module%d.py", name, j)] = []byte("x = 1\n")
	}
	requires := []string{`pytest>=7.0; extra == "dev"`, `tomli; python_version < "3.11"`}
	for j := range 4 {
		requires = append(requires, fmt.Sprintf("package%d>=1.0,<3", (i+j+1)%(distributions-cudaLibraries-1)))
	}
	addDistribution(files, site, name, "1.2.3", requires, own)
}

func addDistribution(files map[string][]byte, site, name, version string, requires []string, own map[string][]byte) {
	info := filepath.Join(site, strings.ReplaceAll(name, "-", "_")+"-"+version+".dist-info")
	var metadata, record strings.Builder
	fmt.Fprintf(&metadata, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, r := range requires {
		fmt.Fprintf(&metadata, "Requires-Dist: %s\n", r)
	}
	for file, data := range own {
		files[filepath.Join(site, file)] = data
		fmt.Fprintf(&record, "%s,,%d\n", file, len(data))
	}
	fmt.Fprintf(&record, "%s/RECORD,,\n", filepath.Base(info))
	files[filepath.Join(info, "METADATA")] = []byte(metadata.String())
	files[filepath.Join(info, "RECORD")] = []byte(record.String())
	files[filepath.Join(info, "INSTALLER")] = []byte("pip\n")
}

// library is a 64-bit x86-64 ELF file with a dynamic section, and no code.
func library(soname string, needed []string) []byte {
	text := []byte{0}
	var dynamic bytes.Buffer
	put := func(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.LittleEndian, v) } // a Buffer does not fail
	tag := func(t elf.DynTag, value string) {
		put(&dynamic, elf.Dyn64{Tag: int64(t), Val: uint64(len(text))})
		text = append(text, value+"\x00"...)
	}
	for _, n := range needed {
		tag(elf.DT_NEEDED, n)
	}
	tag(elf.DT_SONAME, soname)
	tag(elf.DT_RPATH, cudaPath())
	put(&dynamic, elf.Dyn64{})
	names := []byte("\x00.dynstr\x00.dynamic\x00.shstrtab\x00")
	const header = 64
	at := func(parts ...[]byte) (n uint64) {
		for _, p := range parts {
			n += uint64(len(p))
		}
		return header + n
	}
	sections := []elf.Section64{{},
		{Name: 1, Type: uint32(elf.SHT_STRTAB), Off: at(), Size: uint64(len(text)), Addralign: 1},
		{Name: 9, Type: uint32(elf.SHT_DYNAMIC), Link: 1, Off: at(text), Size: uint64(dynamic.Len()), Entsize: 16, Addralign: 1},
		{Name: 18, Type: uint32(elf.SHT_STRTAB), Off: at(text, dynamic.Bytes()), Size: uint64(len(names)), Addralign: 1}}
	var out bytes.Buffer
	put(&out, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: header, Phentsize: 56,
		Shoff: at(text, dynamic.Bytes(), names), Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: 3,
	})
	for _, part := range [][]byte{text, dynamic.Bytes(), names} {
		out.Write(part)
	}
	put(&out, sections)
	return out.Bytes()
}

// cudaPath is where torch's libraries look for those of CUDA.
func cudaPath() string {
	path := "$ORIGIN:$ORIGIN/lib"
	for i := range cudaLibraries {
		path += fmt.Sprintf(":$ORIGIN/../../nvidia/part%d/lib", i)
	}
	return path
}
