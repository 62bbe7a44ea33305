// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// foreignFiles prints, with the interpreter's own reading of RECORD, whose files
// are not what was installed.
const foreignFiles = `
import base64, hashlib, importlib.metadata as m
for d in m.distributions():
    for f in d.files or []:
        if f.hash and f.locate().exists():
            digest = base64.urlsafe_b64encode(hashlib.new(f.hash.mode, f.locate().read_bytes()).digest()).rstrip(b"=").decode()
            if digest != f.hash.value:
                print(d.metadata["Name"], "has a foreign", f)
`

// severalOwners prints which modules several distributions bring.
const severalOwners = `
import importlib.metadata as m
for module, owners in m.packages_distributions().items():
    owners = sorted(set(owners))
    if len(owners) > 1 and not module.startswith("nvidia"):
        print(module, "is of", *owners)
`

// severalCopies prints which distributions there are twice.
const severalCopies = `
import collections, importlib.metadata as m
found = collections.defaultdict(list)
for d in m.distributions():
    found[d.metadata["Name"]].append(d.version)
for name, versions in found.items():
    if len(versions) > 1:
        print(name, "twice:", *sorted(versions))
`

// openNVTX opens the library as torch does.
const openNVTX = `
import ctypes, os, sysconfig
ctypes.CDLL(os.path.join(sysconfig.get_paths()["platlib"], "nvidia/nvtx/lib/libnvToolsExt.so.1"))
`

func running(code string) func(*stage) said { return func(s *stage) said { return s.runs(code) } }

// TestOwnership: files of one package that another overwrote, took away or left
// behind.
func TestOwnership(t *testing.T) {
	play(t,
		scenario{
			name: "44 NVTX of CUDA 11 uninstalled from beside that of CUDA 12", stage: func(s *stage) { s.fromPyPI("nvidia-nvtx-cu12==12.4.127") },
			breaks: func(s *stage) {
				s.fromPyPI("nvidia-nvtx-cu11==11.8.86") // the same bytes: nothing is wrong yet
				scenario{witness: running(openNVTX)}.healthy(s)
				s.uninstall("nvidia-nvtx-cu11")
			},
			witness: running(openNVTX), says: missingLibrary, code: "python.record-torn",
		},
		scenario{
			name: "jwt over PyJWT", stage: func(s *stage) { s.fromPyPI("PyJWT==2.8.0") }, breaks: func(s *stage) { s.fromPyPI("jwt==1.3.1") },
			witness: running(foreignFiles), says: `(PyJWT) has a foreign (\S+)`, code: "python.file-clobbered",
			also: []string{"python.dependency-conflict"}, first: []string{"python.dependency-conflict", "python.file-clobbered"},
		},
		scenario{
			name: "two packages with one module", stage: func(s *stage) { s.install(textPackage("thing", "shared/core.py", "a = 1\n")) },
			breaks:  func(s *stage) { s.install(textPackage("thing-headless", "shared/core.py", "b = 2\n")) },
			witness: running("from shared import core; core.a"), says: `module '(shared)\.(core)' has no attribute`, code: "python.file-clobbered",
		},
		scenario{
			name: "two packages with the same file", stage: func(s *stage) { s.install(textPackage("thing", "shared/core.py", "a = 1\n")) },
			breaks:  func(s *stage) { s.install(textPackage("thing-headless", "shared/core.py", "a = 1\n")) },
			witness: running("from shared import core; core.a"),
		},
		scenario{
			name: "56 onnxruntime over onnxruntime-gpu", module: "onnxruntime", stage: func(s *stage) { s.fromPyPI("numpy==2.0.2"); s.install(onnxruntime("-gpu", "CUDAExecutionProvider")) },
			breaks: func(s *stage) { s.install(onnxruntime("", "CPUExecutionProvider")) }, witness: running(severalOwners),
			says: `(onnxruntime) is of (\S+) (\S+)`, code: "onnxruntime.cpu-and-gpu",
		},
		scenario{
			name: "62 two copies of NumPy", module: "numpy", stage: func(s *stage) { s.fromPyPI("numpy==2.0.2") }, breaks: secondNumPy,
			witness: running(severalCopies), says: `(numpy) twice: (\S+) (\S+)`, code: "python.duplicate-distribution",
		},
		scenario{
			name: "65 library missing", module: "numpy", stage: func(s *stage) { s.fromPyPI("numpy==2.0.2") },
			breaks: func(s *stage) { s.remove("numpy/_core/_multiarray_umath.*.so") },
			says:   `No module named 'numpy\._core\.(_multiarray_umath)'`, code: "python.record-torn",
		},
		scenario{
			name: "65 package directory missing", module: "numpy", stage: func(s *stage) { s.fromPyPI("numpy==2.0.2") },
			breaks: func(s *stage) { s.remove("numpy") }, says: `No module named '(numpy)'`, code: "python.record-torn",
		},
		scenario{
			name: "65 library cut short", module: "numpy", stage: func(s *stage) { s.fromPyPI("numpy==2.0.2") },
			breaks: func(s *stage) { s.halve("numpy/_core/_multiarray_umath.*.so") },
			says:   `signal: bus error|signal: segmentation fault`, probe: `SIGBUS|SIGSEGV|bus error|segmentation`, code: "python.record-torn",
			also: []string{"frameworks.not-loadable"},
		},
		scenario{
			name: "65 leftover of a broken uninstall", stage: func(s *stage) { s.install(textPackage("thing", "thing.py", "")) },
			breaks: func(s *stage) {
				s.write(filepath.Join(s.site, "~orch-2.5.1.dist-info/METADATA"), "Metadata-Version: 2.1\nName: torch\nVersion: 2.5.1\n")
			},
			witness: (*stage).pipList, says: `Ignoring invalid distribution (~orch)`, code: "python.record-torn",
		},
	)
}

func textPackage(name, file, text string) wheel {
	return wheel{name: name, version: "1.0", files: map[string]string{file: text}}
}

func (s *stage) pipList() said {
	return s.witness(basePython(s.t), "-m", "pip", "--disable-pip-version-check", "--python", s.prefix, "list")
}

// onnxruntime is a small wheel with the providers that a build has.
func onnxruntime(suffix, provider string) wheel {
	return wheel{name: "onnxruntime" + suffix, version: "1.20.1", requires: []string{"numpy>=1.21.6"}, files: map[string]string{
		"onnxruntime/__init__.py": `from onnxruntime.capi.providers import providers as get_available_providers
from onnxruntime.session import InferenceSession
`,
		"onnxruntime/capi/__init__.py":  "",
		"onnxruntime/capi/providers.py": "def providers():\n    return ['" + provider + "', 'CPUExecutionProvider']\n",
		"onnxruntime/session.py": `class InferenceSession:
    def __init__(self, model, providers):
        pass

    def get_providers(self):
        return ["CPUExecutionProvider"]

    def run(self, outputs, inputs):
        return [inputs["a"] @ inputs["a"]]
`,
	}}
}

// secondNumPy adds the metadata of another release, as an uninstall leaves it
// that could not delete.
func secondNumPy(s *stage) {
	from := s.find("numpy-2.0.2.dist-info")
	for _, name := range []string{"METADATA", "RECORD", "WHEEL"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			s.t.Fatal(err)
		}
		s.write(filepath.Join(s.site, "numpy-1.26.4.dist-info", name), strings.ReplaceAll(string(data), "2.0.2", "1.26.4"))
	}
	s.write(filepath.Join(s.site, "numpy-1.26.4.dist-info/RECORD"), "numpy/__init__.py,,\nnumpy-1.26.4.dist-info/METADATA,,\nnumpy-1.26.4.dist-info/RECORD,,\n")
}
