// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// system are the places of the machine's own libraries and of what the C library
// reads. Wheels bring most of theirs, and need libstdc++ and the like from here.
var system = []string{"/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo"}

// interpreter lists the files that a Python needs, each at its own place.
func (p *python) interpreter() *Interpreter {
	lib := filepath.Dir(p.standardLibrary()) // with conda, uv and pyenv also of the libraries that come with it
	required := []string{lib}
	if p.venv != "" {
		required = append(required, p.venv)
	}
	optional := slices.Clone(system)
	if more := filepath.Join(p.prefix, "lib64", "python"+p.version); staysIn(more, p.prefix) {
		optional = append(optional, more)
	}
	if p.prefix == "/usr" && (p.venv == "" || p.system) {
		optional = append(optional, "/usr/local/lib/python"+p.version) // Debian's dist-packages
	}
	i := &Interpreter{Path: p.path, Args: []string{"-I", "-B"}, Libraries: outermost(required), Version: p.version}
	i.Optional = uncovered(outermost(optional), i.Libraries)
	if p.prefix != "/usr" && hasShared(lib, p.version) {
		// Such a binary finds its library relative to itself through /proc,
		// which a sandbox need not have.
		i.Env = []string{"LD_LIBRARY_PATH=" + lib}
	}
	return i
}

// staysIn reports whether a path leads to a place in a directory. A link of an
// installation from anybody could lead to the user's own files.
func staysIn(name, dir string) bool {
	real, err := filepath.EvalSymlinks(name)
	realDir, dirErr := filepath.EvalSymlinks(dir)
	return err == nil && dirErr == nil && covered(real, []string{realDir})
}

func (p *python) standardLibrary() string {
	name := filepath.Join(p.prefix, "lib", "python"+p.version)
	if _, err := os.Stat(filepath.Join(name, "os.py")); err != nil {
		return filepath.Join(p.prefix, "lib64", "python"+p.version)
	}
	return name
}

// hasShared reports whether a directory holds libpython as a shared library.
func hasShared(dir, version string) bool {
	names, _ := filepath.Glob(filepath.Join(dir, "libpython"+version+"*.so*"))
	return len(names) > 0
}

// outermost leaves out what lies in another directory of the list, and doubles.
func outermost(paths []string) []string {
	sorted := slices.Sorted(slices.Values(paths))
	var out []string
	for _, name := range sorted {
		if !covered(name, out) {
			out = append(out, name)
		}
	}
	return out
}

// uncovered leaves out what lies in a directory of another list.
func uncovered(paths, by []string) []string {
	return slices.DeleteFunc(paths, func(name string) bool { return covered(name, by) })
}

func covered(name string, by []string) bool {
	return slices.ContainsFunc(by, func(dir string) bool {
		return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
	})
}
