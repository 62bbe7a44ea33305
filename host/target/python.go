// SPDX-License-Identifier: Apache-2.0

package target

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// AllPythons among Machine.Pythons stands for every environment that is found.
const AllPythons = "*"

// pythonPaths lists what the grant ${python} stands for: the environments that
// the user named, or all of them, the active virtual or conda environment, the one
// that is first on PATH, and the prefixes of the interpreters that those were made
// from. Of an interpreter whose prefix is the whole system, or a directory of
// programs only, it is the program and its library.
func (m *Machine) pythonPaths(t *tree) []string {
	named := append([]string{m.Env["VIRTUAL_ENV"], m.Env["CONDA_PREFIX"], m.onPath(t)}, m.Pythons...)
	if slices.Contains(m.Pythons, AllPythons) {
		named = append(named, m.environments(t)...)
	}
	var out []string
	for _, p := range named {
		if p != "" && p != AllPythons {
			out = append(out, m.pythonPath(t, p)...)
		}
	}
	return out
}

// onPath is the environment whose interpreter is the first on PATH, which is how
// images make theirs the active one; "" for an interpreter of the system.
func (m *Machine) onPath(t *tree) string {
	if m.OS == "windows" {
		return ""
	}
	for _, name := range []string{"python3", "python"} {
		for dir := range strings.SplitSeq(m.Env["PATH"], ":") {
			if !path.IsAbs(dir) || !isThere(t, path.Join(dir, name)) {
				continue
			}
			if prefix := path.Dir(path.Clean(dir)); isThere(t, path.Join(prefix, "pyvenv.cfg")) || isThere(t, path.Join(prefix, "conda-meta")) {
				return prefix
			}
			return ""
		}
	}
	return ""
}

// isThere reports whether a path leads to something or is a link.
func isThere(t *tree, p string) bool {
	if _, err := t.stat(p); err == nil {
		return true
	}
	_, err := t.readlink(p)
	return err == nil
}

// pythonPath is what one environment or interpreter consists of.
func (m *Machine) pythonPath(t *tree, p string) []string {
	prefix := prefixOf(t, p)
	out := m.under(prefix, "")
	if len(out) == 0 && pythonName().MatchString(path.Base(p)) {
		return systemPython(t, path.Clean(filepath.ToSlash(p)), "")
	}
	home := venvHome(t, prefix)
	if !holdsPython(t, home) {
		return out
	}
	if base := m.under(path.Dir(home), ""); len(base) > 0 && holdsLibrary(t, path.Dir(home)) {
		return append(out, base...)
	}
	return append(out, systemPython(t, path.Join(prefix, "bin", "python3"), prefix)...)
}

// pythonName matches the file names of interpreters.
var pythonName = pattern.Lazy(`^python[0-9.]*t?(\.exe)?$`)

// holdsPython reports whether a directory has an interpreter: an environment may
// come from anybody, and the home that it names must not be just any directory.
func holdsPython(t *tree, dir string) bool {
	if !path.IsAbs(dir) {
		return false
	}
	listed, err := t.list(dir, maxListed)
	return err == nil && slices.ContainsFunc(listed, func(name string) bool {
		info, err := t.stat(path.Join(dir, name))
		return pythonName().MatchString(name) && err == nil && info.Mode().IsRegular()
	})
}

// holdsLibrary reports whether a directory has a standard library, as the base of
// an installation has and a directory with a tool of that name has not.
func holdsLibrary(t *tree, dir string) bool {
	for _, lib := range []string{"lib", "lib64"} {
		listed, _ := t.list(path.Join(dir, lib), maxListed)
		if slices.ContainsFunc(listed, pythonName().MatchString) {
			return true
		}
	}
	info, err := t.stat(path.Join(dir, "Lib", "os.py")) // as on Windows
	return err == nil && info.Mode().IsRegular()
}

// systemPython is the program that an interpreter at a path leads to, under each
// name on the way that is not of the environment at prefix, with its standard
// library and the packages of the system.
func systemPython(t *tree, at, prefix string) []string {
	var out []string
	add := func(p string) {
		if prefix == "" || !below(p, prefix) {
			out = append(out, escape.Replace(p))
		}
	}
	add(at)
	for range maxLinks {
		to, err := t.readlink(at)
		if err != nil {
			break
		}
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(at), to)
		}
		at = path.Clean(to)
		add(at)
		if !pythonName().MatchString(path.Base(at)) {
			return nil // a link to something else
		}
	}
	name := path.Base(at)
	if info, err := t.stat(at); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if strings.HasPrefix(name, "python3.") && len(out) > 0 {
		for _, lib := range []string{"lib/" + name, "lib64/" + name, "lib/python3/dist-packages", "local/lib/" + name} {
			out = append(out, escape.Replace(path.Join(path.Dir(path.Dir(at)), lib)))
		}
	}
	return out
}

// prefixOf returns the directory of an environment named by itself, its bin
// directory's interpreter, or the interpreter's real path.
func prefixOf(t *tree, p string) string {
	if p == "" {
		return ""
	}
	p = path.Clean(filepath.ToSlash(p))
	if info, err := t.stat(p); err == nil && info.IsDir() {
		return p
	}
	return path.Dir(path.Dir(p))
}

// venvHome reads "home = DIR" of a virtual environment: where its interpreter
// comes from; "" when prefix is none.
func venvHome(t *tree, prefix string) string {
	data, err := t.read(path.Join(prefix, "pyvenv.cfg"), maxMachineBytes)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == "home" {
			return path.Clean(filepath.ToSlash(strings.TrimSpace(value)))
		}
	}
	return ""
}

func (m *Machine) host(p string) string {
	return filepath.Join(m.Root, filepath.FromSlash(p))
}
