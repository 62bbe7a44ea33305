// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// needsCompiler skips a scenario where nothing can be compiled.
func (s *stage) needsCompiler() {
	s.t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		s.t.Skip("no gcc")
	}
}

// compile makes a shared library from C, keeps it in the directory of builds
// under its base name, where later ones find it to be linked against, and
// returns its bytes. Options are gcc's.
func (s *stage) compile(name, source string, options ...string) string {
	s.t.Helper()
	s.needsCompiler()
	build := filepath.Join(s.dir, "build")
	code, out := filepath.Join(build, name+".c"), filepath.Join(build, name)
	s.write(code, source)
	args := []string{"-shared", "-fPIC", "-O1", "-o", out, code, "-Wl,-soname," + name, "-L" + build,
		"-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-Wl,-rpath-link," + build}
	s.must("gcc", append(args, options...)...)
	data, err := os.ReadFile(out)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// needed are the options that link against libraries of the directory of builds.
func needed(names ...string) []string {
	var out []string
	for _, n := range names {
		out = append(out, "-l:"+n)
	}
	return out
}

// rpath and runpath are the options that give a library its search path.
func rpath(dirs string) []string   { return []string{"-Wl,--disable-new-dtags", "-Wl,-rpath," + dirs} }
func runpath(dirs string) []string { return []string{"-Wl,--enable-new-dtags", "-Wl,-rpath," + dirs} }

// versions is the option that gives symbols a version: "VERSION" for all that
// the library exports.
func (s *stage) versions(library, version string) []string {
	script := filepath.Join(s.dir, "build", library+".map")
	s.write(script, version+" { global: *; };\n")
	return []string{"-Wl,--version-script," + script}
}

// extension compiles a module of Python in C and returns its bytes and the
// suffix of its file name. It calls what it needs when it is loaded.
func (s *stage) extension(module, declarations, call string, options ...string) (data, suffix string) {
	s.t.Helper()
	s.needsCompiler()
	out := s.must(s.python, "-c", "import sysconfig as s; print(s.get_paths()['include'], s.get_config_var('EXT_SUFFIX'))")
	include, suffix, _ := strings.Cut(strings.TrimSpace(out), " ")
	if _, err := os.Stat(filepath.Join(include, "Python.h")); err != nil {
		s.t.Skip("no headers of Python: ", err)
	}
	source := "#include <Python.h>\n" + declarations + `
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "` + module + `", 0, -1, 0};
PyMODINIT_FUNC PyInit_` + module + `(void) { ` + call + ` return PyModule_Create(&module); }
`
	return s.compile(module+suffix, source, append([]string{"-I" + include}, options...)...), suffix
}
