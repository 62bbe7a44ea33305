// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the dynamic loader says of a symbol or a version that nobody defines.
const (
	undefinedSymbol  = `(\S+): undefined symbol: ([^\s,]+)`
	undefinedVersion = `(\S+): undefined symbol: ([^\s,]+), version (\S+)`
	missingVersion   = "(\\S+): version .(\\S+)' not found \\(required by ([^)]+)\\)"
)

// TestSymbols: libraries that are found and lack what is wanted of them.
func TestSymbols(t *testing.T) {
	play(t,
		scenario{
			name: "44 NCCL overwritten by that of CUDA 11", module: "torch",
			stage: func(s *stage) { stageNCCL(s) }, breaks: func(s *stage) {
				s.install(nvidia("nvidia-nccl-cu11", "2.19.3", "nccl", "libnccl.so.2", s.compile("libnccl.so.2", "int ncclGetVersion(void) { return 21903; }\n")))
			},
			says: undefinedSymbol, code: "python.undefined-symbol", also: []string{"python.file-clobbered"}, first: []string{"python.file-clobbered"},
		},
		scenario{
			name: "45 LD_LIBRARY_PATH with an older nvJitLink", module: "torch",
			stage: func(s *stage) { stageSparse(s, runpath) }, breaks: olderToolkit,
			says: undefinedVersion, code: "python.ld-library-path-hijack",
		},
		scenario{
			name: "45 LD_LIBRARY_PATH that ends with a colon", module: "torch",
			stage: func(s *stage) { stageSparse(s, runpath) }, breaks: func(s *stage) {
				olderToolkit(s)
				s.copy("toolkit/lib64/libnvJitLink.so.12", "project/libnvJitLink.so.12")
				s.env["LD_LIBRARY_PATH"] = s.dir + "/nothing:" // the empty place is the working directory
			},
			says: undefinedVersion, code: "python.ld-library-path-hijack",
		},
		scenario{
			name: "45 LD_LIBRARY_PATH is searched after DT_RPATH", module: "torch",
			stage: func(s *stage) { stageSparse(s, rpath) }, breaks: olderToolkit,
		},
		scenario{
			name: "49 extension built for another torch", module: "flash_attn", stage: stageFlash,
			breaks: func(s *stage) {
				s.install(torch{version: "2.6.0", cuda: "12.4", c10: "void _ZN3c104cuda9SetDeviceEab(signed char d, _Bool force) {}\n"}.wheel(s))
			},
			says: undefinedSymbol, code: "torch.abi-mismatch",
		},
		scenario{
			name: "70 glibc too old", module: "torch", stage: func(s *stage) { s.install(torch{}.wheel(s)) },
			breaks: func(s *stage) { s.newerSystem("libc.so.6", "GLIBC_2.99") },
			says:   missingVersion, code: "glibc.too-old",
		},
		scenario{
			name: "70 libstdc++ too old", module: "torch", stage: func(s *stage) { s.install(torch{}.wheel(s)) },
			breaks: func(s *stage) { s.newerSystem("libstdc++.so.6", "GLIBCXX_3.4.99") },
			says:   missingVersion, code: "glibc.too-old",
		},
		scenario{
			name: "70 older libstdc++ in LD_LIBRARY_PATH", module: "torch", stage: stageCPlusPlus,
			breaks: func(s *stage) {
				old := s.compile("libstdc++.so.6", "void old(void) {}\n", s.versions("libstdc++.so.6", "GLIBCXX_3.4.20")...)
				s.libraryPath("libstdc++.so.6", old)
			},
			says: missingVersion, code: "python.ld-library-path-hijack",
		},
	)
}

func stageNCCL(s *stage) {
	lib := s.compile("libnccl.so.2", "int ncclGetVersion(void) { return 22105; }\nint ncclCommRegister(void) { return 0; }\n")
	s.install(
		torch{
			requires: []string{"nvidia-nccl-cu12==2.21.5"}, source: "int ncclCommRegister(void);\nint use(void) { return ncclCommRegister(); }\n",
			options: append(needed("libnccl.so.2"), rpath(cudaPath("nccl"))...),
		}.wheel(s),
		nvidia("nvidia-nccl-cu12", "2.21.5", "nccl", "libnccl.so.2", lib))
}

// stageSparse installs a torch that needs libcusparse.so.12, which has a path to
// libnvJitLink.so.12.
func stageSparse(s *stage, path func(string) []string) {
	link := s.compile("libnvJitLink.so.12", "int __nvJitLinkComplete_12_4(void) { return 4; }\n", s.versions("libnvJitLink", "libnvJitLink.so.12")...)
	sparse := s.compile("libcusparse.so.12", "int __nvJitLinkComplete_12_4(void);\nint cusparse(void) { return __nvJitLinkComplete_12_4(); }\n",
		append(needed("libnvJitLink.so.12"), path("$ORIGIN/../../nvjitlink/lib")...)...)
	s.install(
		torch{
			source: "int cusparse(void);\nint use(void) { return cusparse(); }\n", options: append(needed("libcusparse.so.12"), rpath(cudaPath("cusparse"))...),
		}.wheel(s),
		nvidia("nvidia-cusparse-cu12", "12.3.1.170", "cusparse", "libcusparse.so.12", sparse),
		nvidia("nvidia-nvjitlink-cu12", "12.4.127", "nvjitlink", "libnvJitLink.so.12", link))
}

// olderToolkit sets LD_LIBRARY_PATH as a toolkit's instructions say.
func olderToolkit(s *stage) {
	s.libraryPath("libnvJitLink.so.12", s.compile("libnvJitLink.so.12", "int __nvJitLinkComplete_12_1(void) { return 1; }\n",
		s.versions("libnvJitLink", "libnvJitLink.so.12")...))
}

// libraryPath puts a library where LD_LIBRARY_PATH leads.
func (s *stage) libraryPath(name, data string) {
	dir := filepath.Join(s.dir, "toolkit/lib64")
	s.write(filepath.Join(dir, name), data)
	s.env["LD_LIBRARY_PATH"] = dir
}

// copy copies a file of the stage.
func (s *stage) copy(from, to string) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, from))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(filepath.Join(s.dir, to), string(data))
}

func stageFlash(s *stage) {
	module, suffix := s.extension("flash_attn_2_cuda", "void _ZN3c104cuda9SetDeviceEi(int);\n", "_ZN3c104cuda9SetDeviceEi(0);", linkedTorch(s)...)
	s.install(torch{c10: "void _ZN3c104cuda9SetDeviceEi(int d) {}\n"}.wheel(s), wheel{
		name: "flash-attn", version: "2.7.4", tag: nativeTag(suffix), requires: []string{"torch"},
		files: map[string]string{"flash_attn/__init__.py": "import torch\nimport flash_attn_2_cuda\n", "flash_attn_2_cuda" + suffix: module},
	})
}

// linkedTorch are the options of an extension of torch.
func linkedTorch(s *stage) []string {
	s.compile("libc10.so", "void _ZN3c104cuda9SetDeviceEi(int d) {}\n")
	return needed("libc10.so")
}

// newerSystem installs a torch that was built where a library of the system has
// a later version.
func (s *stage) newerSystem(library, version string) {
	s.compile(library, "int future(void) { return 1; }\n", append(s.versions(library, version), "-nostdlib")...)
	s.install(torch{source: "int future(void);\nint use(void) { return future(); }\n", options: needed(library)}.wheel(s))
}

// stageCPlusPlus installs a torch that wants GLIBCXX_3.4.29 of libstdc++.
func stageCPlusPlus(s *stage) {
	s.needsCompiler()
	library := strings.TrimSpace(s.must("gcc", "-print-file-name=libstdc++.so.6"))
	if !filepath.IsAbs(library) {
		s.t.Skip("no libstdc++")
	}
	const symbol = "_ZSt28__throw_bad_array_new_lengthv"
	s.install(torch{source: "void " + symbol + "(void);\nvoid use(void) { " + symbol + "(); }\n", options: []string{library}}.wheel(s))
}
