// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"maps"
	"os"
	"testing"
)

// What the dynamic loader says when it does not find a library.
const missingLibrary = `(\S+): cannot open shared object file`

const cudnn = "int cudnnGetVersion(void) { return 90100; }\n"

// stageTorch installs a torch whose libtorch_cuda.so calls cuDNN.
func stageTorch(s *stage) {
	lib := s.compile("libcudnn.so.9", cudnn)
	s.install(
		torch{
			requires: []string{"nvidia-cudnn-cu12==9.1.0.70"}, source: "int cudnnGetVersion(void);\nint version(void) { return cudnnGetVersion(); }\n",
			options: append(needed("libcudnn.so.9"), rpath(cudaPath("cudnn"))...),
		}.wheel(s),
		nvidia("nvidia-cudnn-cu12", "9.1.0.70", "cudnn", "libcudnn.so.9", lib))
}

// TestMissingLibraries: the loader's search, with all that hides a library from
// it.
func TestMissingLibraries(t *testing.T) {
	requirement := []string{"torch.nvidia-pins", "python.dependency-conflict"}
	play(t,
		scenario{
			name: "47 package of the library not installed", stage: stageTorch, module: "torch",
			breaks: func(s *stage) { s.uninstall("nvidia-cudnn-cu12") },
			says:   missingLibrary, code: "torch.not-loadable", also: requirement, first: append([]string{"torch.not-loadable"}, requirement...),
		},
		scenario{
			name: "47 library of another major release", stage: stageTorch, module: "torch",
			breaks: func(s *stage) {
				s.install(nvidia("nvidia-cudnn-cu12", "8.9.7.29", "cudnn", "libcudnn.so.8", s.compile("libcudnn.so.8", cudnn)))
			},
			says: missingLibrary, code: "torch.not-loadable", also: requirement, first: append([]string{"torch.not-loadable"}, requirement...),
		},
		scenario{
			name: "47 file deleted", stage: stageTorch, module: "torch",
			breaks: func(s *stage) { s.remove("nvidia/cudnn/lib/libcudnn.so.9") },
			says:   missingLibrary, code: "torch.not-loadable", also: []string{"python.record-torn"}, first: []string{"python.record-torn"},
		},
		scenario{
			name: "47 library of an inference runtime", module: "onnxruntime", stage: stageInference,
			breaks: func(s *stage) { s.remove("onnxruntime.libs/libgomp-1a2b3c.so.1") },
			says:   missingLibrary, code: "frameworks.not-loadable", also: []string{"python.record-torn"}, first: []string{"python.record-torn"},
		},
		scenario{
			name: "47 library that neither wheel nor system has", module: "onnxruntime", stage: stageInference,
			breaks: func(s *stage) { s.install(inference(s, needed("libsystem.so.3"), nil)) },
			says:   missingLibrary, code: "frameworks.not-loadable",
		},
		scenario{
			name: "RUNPATH is not inherited", module: "torch",
			stage: func(s *stage) { stageChain(s, rpath) }, breaks: func(s *stage) { stageChain(s, runpath) },
			says: missingLibrary, code: "torch.not-loadable",
		},
		scenario{
			name: "libraries that need each other", stage: stageCircle, module: "torch",
			breaks: func(s *stage) { s.remove("nvidia/circle/lib/libsecond.so.1") },
			says:   missingLibrary, code: "torch.not-loadable", also: []string{"python.record-torn"}, first: []string{"python.record-torn"},
		},
		scenario{
			name: "library cut short", stage: stageTorch, module: "torch",
			breaks: func(s *stage) { s.truncate("nvidia/cudnn/lib/libcudnn.so.9", 20) },
			says:   `(\S+): file too short`, code: "torch.not-loadable", also: []string{"python.record-torn"}, first: []string{"python.record-torn"},
		},
		scenario{
			name: "library that is no ELF file", stage: stageTorch, module: "torch",
			breaks: func(s *stage) {
				s.write(s.find("nvidia/cudnn/lib/libcudnn.so.9"), "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef0123456789abcdef0123456789abcdef\nsize 1\n")
			},
			says: `(\S+): invalid ELF header`, code: "torch.not-loadable", also: []string{"python.record-torn"}, first: []string{"python.record-torn", "torch.not-loadable"},
		},
		scenario{
			name: "library for another processor", stage: stageTorch, module: "torch",
			breaks: func(s *stage) { s.patch("nvidia/cudnn/lib/libcudnn.so.9", 18, "\xb7") }, // e_machine: AArch64
			says:   missingLibrary, code: "torch.not-loadable", also: []string{"python.record-torn"}, first: []string{"python.record-torn", "torch.not-loadable"},
		},
	)
}

// stageChain installs a torch whose library needs one that needs a third, which
// only the first has a path to.
func stageChain(s *stage, path func(string) []string) {
	inner := s.compile("libinner.so.1", "int inner(void) { return 1; }\n")
	outer := s.compile("libouter.so.1", "int inner(void);\nint outer(void) { return inner(); }\n", needed("libinner.so.1")...)
	s.install(
		torch{
			source: "int outer(void);\nint version(void) { return outer(); }\n", options: append(needed("libouter.so.1"), path(cudaPath("outer", "inner"))...),
		}.wheel(s),
		nvidia("nvidia-outer-cu12", "12.4.1", "outer", "libouter.so.1", outer), nvidia("nvidia-inner-cu12", "12.4.1", "inner", "libinner.so.1", inner))
}

// stageInference installs a runtime with a library that auditwheel put beside it.
func stageInference(s *stage) {
	s.fromPyPI("numpy==2.0.2")
	library := s.compile("libgomp-1a2b3c.so.1", "int gomp(void) { return 1; }\n")
	s.install(inference(s, append(needed("libgomp-1a2b3c.so.1"), rpath("$ORIGIN/../../onnxruntime.libs")...),
		map[string]string{"onnxruntime.libs/libgomp-1a2b3c.so.1": library}))
}

// inference is a small wheel of onnxruntime with a module in C.
func inference(s *stage, options []string, files map[string]string) wheel {
	for _, name := range []string{"libgomp-1a2b3c.so.1", "libsystem.so.3"} {
		s.compile(name, "int gomp(void) { return 1; }\n")
	}
	module, suffix := s.extension("onnxruntime_pybind11_state", "int gomp(void);\n", "gomp();", options...)
	w := onnxruntime("", "CPUExecutionProvider")
	w.tag = nativeTag(suffix)
	w.files["onnxruntime/capi/__init__.py"] = "from onnxruntime.capi import onnxruntime_pybind11_state\n"
	w.files["onnxruntime/capi/onnxruntime_pybind11_state"+suffix] = module
	maps.Copy(w.files, files)
	return w
}

// stageCircle installs a torch with two libraries that need each other.
func stageCircle(s *stage) {
	s.compile("libsecond.so.1", "int second(void) { return 2; }\n")
	first := s.compile("libfirst.so.1", "int second(void);\nint first(void) { return second(); }\n", append(needed("libsecond.so.1"), runpath("$ORIGIN")...)...)
	second := s.compile("libsecond.so.1", "int first(void);\nint second(void) { return 2; }\nint third(void) { return first(); }\n",
		append(needed("libfirst.so.1"), runpath("$ORIGIN")...)...)
	w := nvidia("nvidia-circle-cu12", "12.4.1", "circle", "libfirst.so.1", first)
	w.files["nvidia/circle/lib/libsecond.so.1"] = second
	s.install(w, torch{
		source: "int first(void);\nint version(void) { return first(); }\n", options: append(needed("libfirst.so.1"), rpath(cudaPath("circle"))...),
	}.wheel(s))
}

func (s *stage) truncate(glob string, size int64) {
	s.t.Helper()
	if err := os.Truncate(s.find(glob), size); err != nil {
		s.t.Fatal(err)
	}
}

// halve cuts the second half of a file off.
func (s *stage) halve(glob string) {
	s.t.Helper()
	info, err := os.Stat(s.find(glob))
	if err != nil {
		s.t.Fatal(err)
	}
	s.truncate(glob, info.Size()/2)
}

// patch overwrites bytes of a file.
func (s *stage) patch(glob string, at int, with string) {
	s.t.Helper()
	name := s.find(glob)
	data, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	copy(data[at:], with)
	s.write(name, string(data))
}
