// SPDX-License-Identifier: Apache-2.0

package fakeenv

import "fmt"

// Torch describes a build of torch to install.
type Torch struct {
	// Version with its local part, "2.5.1+cu124"; CUDA "12.4" or "".
	Version, CUDA, HIP string
	Requires           []string
	// Needs are libraries that libtorch_cuda wants beside its own.
	Needs []string
	// Exports are the symbols that its libraries define, by file name; Uses are
	// those that libtorch_cuda wants.
	Exports map[string][]string
	Uses    []string
	// Installer defaults to "pip".
	Installer string
	// RPath names directories of libtorch_cuda.so beside the usual ones, each with a
	// ":" behind it.
	RPath string
}

// Libraries of torch and what each needs, as the published wheels have them.
var torchLibraries = map[string][]string{
	"libtorch_global_deps.so": {"libc.so.6"},
	"libc10.so":               {"libc.so.6", "libstdc++.so.6"},
	"libtorch_cpu.so":         {"libc10.so", "libm.so.6"},
	"libtorch.so":             {"libtorch_cpu.so"},
	"libshm.so":               {"libtorch.so", "libc10.so"},
	"libtorch_python.so":      {"libshm.so", "libtorch.so", "libtorch_cpu.so", "libc10.so"},
}

const torchRPath = "$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN/../../nvidia/nccl/lib:$ORIGIN/../../nvidia/cublas/lib:$ORIGIN"

// InstallTorch adds torch to a directory of packages.
func (tr *Tree) InstallTorch(site string, torch Torch) {
	tr.tb.Helper()
	tr.Install(site, Dist{Name: "torch", Version: torch.Version, Requires: torch.Requires, Files: torch.files(), Installer: torch.Installer})
}

func (torch Torch) files() map[string][]byte {
	files := map[string][]byte{
		"torch/__init__.py": []byte("from torch._C import *\n"),
		"torch/version.py": fmt.Appendf(nil, "__all__ = ['__version__', 'debug', 'cuda']\n__version__ = '%s'\ndebug = False\n"+
			"cuda: Optional[str] = %s\nhip: Optional[str] = %s\n", torch.Version, pyString(torch.CUDA), pyString(torch.HIP)),
		"torch/_C.cpython-311-x86_64-linux-gnu.so": Library{Needed: []string{"libtorch_python.so"}, RPath: "$ORIGIN/lib"}.Bytes(),
	}
	for name, needed := range torchLibraries {
		if name == "libtorch.so" && torch.CUDA != "" {
			needed = append([]string{"libtorch_cuda.so"}, needed...)
		}
		files["torch/lib/"+name] = Library{Soname: name, Needed: needed, RPath: torchRPath, Defines: torch.Exports[name]}.Bytes()
	}
	if torch.CUDA != "" {
		needed := append([]string{"libc10.so", "libcuda.so.1"}, torch.Needs...)
		files["torch/lib/libtorch_cuda.so"] = Library{
			Soname: "libtorch_cuda.so", Needed: needed, RPath: torch.RPath + torchRPath, Padding: 4096,
			Defines: torch.Exports["libtorch_cuda.so"], Uses: torch.Uses,
		}.Bytes()
	}
	return files
}

func pyString(s string) string {
	if s == "" {
		return "None"
	}
	return "'" + s + "'"
}

// InstallLibrary adds a wheel that brings one shared library, such as
// nvidia-cudnn-cu12 with nvidia/cudnn/lib/libcudnn.so.9.
func (tr *Tree) InstallLibrary(site, name, version, file string, l Library) {
	tr.tb.Helper()
	tr.Install(site, Dist{Name: name, Version: version, Files: map[string][]byte{file: l.Bytes()}})
}
