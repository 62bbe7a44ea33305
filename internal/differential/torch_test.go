// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"fmt"
	"strings"
)

// torch is a small wheel that is laid out as torch's is and loads its libraries
// in the same order: libtorch_global_deps.so by name, then the module _C.
type torch struct {
	version, cuda, hip string
	requires           []string
	// cudaLibrary are options and source of libtorch_cuda.so.
	source  string
	options []string
	// c10 is the source of libc10.so.
	c10 string
}

// cudaPath is the search path that torch's wheels give their libraries.
func cudaPath(packages ...string) string {
	path := "$ORIGIN"
	for _, p := range packages {
		path += ":$ORIGIN/../../nvidia/" + p + "/lib"
	}
	return path
}

// torchInit loads the libraries as torch 2.0 to 2.5 do: when the loader does not
// find one of these CUDA libraries, they are opened by their paths in the nvidia
// packages, in this order, before the second attempt.
const torchInit = `import ctypes, glob, os
from .version import __version__

CUDA = {"cublas": "libcublas", "cudnn": "libcudnn", "cuda_nvrtc": "libnvrtc", "cuda_runtime": "libcudart", "cuda_cupti": "libcupti", "cufft": "libcufft",
        "curand": "libcurand", "cusolver": "libcusolver", "cusparse": "libcusparse", "nccl": "libnccl", "nvtx": "libnvToolsExt"}
HERE = os.path.dirname(os.path.abspath(__file__))


def load():
    ctypes.CDLL(os.path.join(HERE, "lib", "libtorch_global_deps.so"), mode=ctypes.RTLD_GLOBAL)


try:
    load()
except OSError as error:
    if not any(library in str(error) for library in CUDA.values()):
        raise
    for package, library in CUDA.items():
        for path in glob.glob(os.path.join(os.path.dirname(HERE), "nvidia", package, "lib", library + ".so.*[0-9]")):
            ctypes.CDLL(path)
    load()
from torch._C import *
from torch import cuda, version


class Tensor:
    device = "cpu"

    def __init__(self, rows):
        self.rows = rows

    def reshape(self, n, m):
        return Tensor([self.rows[i * m:(i + 1) * m] for i in range(n)])

    def __matmul__(self, other):
        return Tensor([[sum(a * b for a, b in zip(row, column)) for column in zip(*other.rows)] for row in self.rows])

    def tolist(self):
        return self.rows


def arange(end, device=None):
    return Tensor([float(i) for i in range(int(end))])
`

const torchCUDA = `def is_available():
    return False


def init():
    raise RuntimeError("Found no NVIDIA driver on your system.")
`

// wheel compiles the libraries.
func (x torch) wheel(s *stage) wheel {
	s.t.Helper()
	if x.version == "" {
		x.version, x.cuda = "2.5.1", "12.4"
	}
	c10 := s.compile("libc10.so", x.c10+"\nint c10_loaded(void) { return 10; }\n")
	cuda := s.compile("libtorch_cuda.so", x.source+"\nint torch_cuda_loaded(void) { return 1; }\n", append(needed("libc10.so"), x.options...)...)
	deps := s.compile("libtorch_global_deps.so", "int deps_loaded(void) { return 2; }\n", append(needed("libtorch_cuda.so"), rpath("$ORIGIN")...)...)
	module, suffix := s.extension("_C", "int torch_cuda_loaded(void);\n", "torch_cuda_loaded();",
		append(needed("libtorch_cuda.so", "libc10.so"), rpath("$ORIGIN/lib")...)...)
	return wheel{
		name: "torch", version: x.version, tag: nativeTag(suffix), requires: x.requires,
		files: map[string]string{
			"torch/__init__.py": torchInit, "torch/cuda.py": torchCUDA, "torch/version.py": x.versionFile(),
			"torch/lib/libc10.so": c10, "torch/lib/libtorch_cuda.so": cuda, "torch/lib/libtorch_global_deps.so": deps, "torch/_C" + suffix: module,
		},
	}
}

// versionFile is torch/version.py as torch's build writes it.
func (x torch) versionFile() string {
	quoted := func(text string) string {
		if text == "" {
			return "None"
		}
		return "'" + text + "'"
	}
	return fmt.Sprintf(`from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '%s'
debug = False
cuda: Optional[str] = %s
git_version = 'a8d6afb511a69687bbb2b7e88a3cf67917e1697e'
hip: Optional[str] = %s
`, x.version, quoted(x.cuda), quoted(x.hip))
}

// nativeTag is the tag of a wheel whose modules have a suffix such as
// ".cpython-311-x86_64-linux-gnu.so".
func nativeTag(suffix string) string {
	parts := strings.Split(suffix, "-")
	return fmt.Sprintf("cp%s-cp%[1]s-linux_%s", parts[1], strings.Join(parts[2:len(parts)-2], "_"))
}

// nvidia is a wheel of an nvidia package with one library.
func nvidia(name, version, directory, library, data string) wheel {
	return wheel{name: name, version: version, files: map[string]string{
		"nvidia/__init__.py": "", "nvidia/" + directory + "/__init__.py": "", "nvidia/" + directory + "/lib/" + library: data,
	}}
}
