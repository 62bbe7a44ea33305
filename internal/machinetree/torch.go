// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// torchLibraries are those of a build without CUDA, and what each needs, as the
// published wheels have them.
var torchLibraries = []library{
	{soname: "libtorch_global_deps.so", needed: []string{"libc.so.6"}},
	{soname: "libc10.so", needed: []string{"libc.so.6", "libstdc++.so.6"}},
	{soname: "libtorch_cpu.so", needed: []string{"libc10.so", "libm.so.6", "libc.so.6"}},
	{soname: "libtorch.so", needed: []string{"libtorch_cpu.so"}},
	{soname: "libshm.so", needed: []string{"libtorch.so", "libc10.so"}},
	{soname: "libtorch_python.so", needed: []string{"libshm.so", "libtorch.so", "libtorch_cpu.so", "libc10.so"}},
}

// torch reads a statement "torch VERSION cuda=12.4 with=cu124".
func (p *python) torch(version string, rest []string, props []block) error {
	o, err := options(rest, "cuda", "hip", "with", "installer", "tag")
	if err != nil {
		return err
	}
	d := &distribution{name: "torch", version: version, installer: o["installer"], tag: o["tag"], requiresPython: ">=3.9.0"}
	d.requires = []string{"filelock", "typing-extensions>=4.8.0", "sympy", "networkx", "jinja2", "fsspec"}
	if err := p.properties(d, props); err != nil {
		return err
	}
	own := slices.Clone(d.files)
	d.files = nil
	var needs []string
	if o["with"] != "" {
		if needs, err = p.pins(d, o["with"]); err != nil {
			return err
		}
	}
	d.files = append(p.torchFiles(version, o, needs, own), own...)
	if err := p.write(d); err != nil {
		return err
	}
	if o["with"] != "" {
		return p.use(o["with"])
	}
	return nil
}

// pins adds a requirement for every distribution of python/NAME, and returns
// the libraries that those bring and that libtorch_cuda.so needs.
func (p *python) pins(d *distribution, name string) (needs []string, err error) {
	ls, ok := p.python[name]
	if !ok {
		return nil, fmt.Errorf("no part has a file python/%.80s", name)
	}
	for _, b := range blocks(ls) {
		list, err := words(b.text)
		if err != nil || len(list) < 2 || list[0] != "dist" {
			continue
		}
		d.requires = append(d.requires, list[1]+`; platform_system == "Linux" and platform_machine == "x86_64"`)
		for _, prop := range b.props {
			// Torch leaves libnvJitLink to the libraries that need it.
			if key, file := prop.cut(); key == "elf" && !strings.Contains(file, "libnvJitLink") {
				needs = append(needs, path.Base(file))
			}
		}
	}
	return needs, nil
}

// torchFiles are the modules and libraries, without those that the machine
// describes itself.
func (p *python) torchFiles(version string, o map[string]string, needs []string, own []wheelFile) []wheelFile {
	rpath := "$ORIGIN/../../nvidia/cublas/lib:$ORIGIN/../../nvidia/cuda_cupti/lib:$ORIGIN/../../nvidia/cuda_nvrtc/lib:$ORIGIN/../../nvidia/cuda_runtime/lib:" +
		"$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN/../../nvidia/cufft/lib:$ORIGIN/../../nvidia/curand/lib:$ORIGIN/../../nvidia/cusolver/lib:" +
		"$ORIGIN/../../nvidia/cusparse/lib:$ORIGIN/../../nvidia/cusparselt/lib:$ORIGIN/../../cusparselt/lib:$ORIGIN/../../nvidia/nccl/lib:" +
		"$ORIGIN/../../nvidia/nvtx/lib:$ORIGIN/../../nvidia/cufile/lib:$ORIGIN/../../nvidia/cu13/lib:$ORIGIN/../../nvidia/nvshmem/lib:$ORIGIN"
	extension := "torch/_C.cpython-" + strings.ReplaceAll(p.minor, ".", "") + "-x86_64-linux-gnu.so"
	files := []wheelFile{
		{name: "torch/__init__.py", data: []byte("from torch._C import *\n")},
		{name: "torch/version.py", data: torchVersion(version, o)},
		{name: extension, data: library{machine: p.machine, needed: []string{"libtorch_python.so"}, rpath: "$ORIGIN/lib"}.bytes()},
	}
	libraries := slices.Clone(torchLibraries)
	for i := range libraries {
		if backend := torchBackend(o); libraries[i].soname == "libtorch.so" && backend != "" {
			libraries[i].needed = []string{backend, "libtorch_cpu.so"}
		}
	}
	if o["cuda"] != "" {
		libraries = append(libraries,
			library{soname: "libc10_cuda.so", needed: []string{"libc10.so", "libc.so.6"}},
			library{soname: "libtorch_cuda.so", needed: append([]string{"libc10_cuda.so", "libtorch_cpu.so", "libc10.so"}, needs...)})
	}
	if o["hip"] != "" {
		libraries = append(libraries, library{soname: "libc10_hip.so", needed: []string{"libc10.so"}}, library{soname: "libtorch_hip.so", needed: []string{"libc10_hip.so", "libc10.so"}})
	}
	for _, l := range libraries {
		l.machine, l.rpath = p.machine, rpath
		name := "torch/lib/" + l.soname
		if !slices.ContainsFunc(own, func(f wheelFile) bool { return f.name == name }) {
			files = append(files, wheelFile{name: name, data: l.bytes()})
		}
	}
	return files
}

// torchBackend is the library that libtorch.so brings in for a GPU, or "".
func torchBackend(o map[string]string) string {
	switch {
	case o["cuda"] != "":
		return "libtorch_cuda.so"
	case o["hip"] != "":
		return "libtorch_hip.so"
	}
	return ""
}

// torchVersion is torch/version.py as torch's build writes it.
func torchVersion(version string, o map[string]string) []byte {
	return fmt.Appendf(nil, "from typing import Optional\n\n__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'xpu']\n__version__ = '%s'\ndebug = False\n"+
		"cuda: Optional[str] = %s\ngit_version = '1eba9b3aa3c43f86f4a2c807ac8e12c4a7767340'\nhip: Optional[str] = %s\nxpu: Optional[str] = None\n",
		version, pyString(o["cuda"]), pyString(o["hip"]))
}

func pyString(s string) string {
	if s == "" {
		return "None"
	}
	return "'" + s + "'"
}
