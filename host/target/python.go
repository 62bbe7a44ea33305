// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// pythonPaths lists what the grant ${python} stands for: the environments that
// the user named, the active virtual or conda environment, and the prefixes of
// the interpreters that those were made from.
func (m *Machine) pythonPaths() []string {
	var out []string
	for _, p := range append([]string{m.Env["VIRTUAL_ENV"], m.Env["CONDA_PREFIX"]}, m.Pythons...) {
		prefix := m.prefixOf(p)
		out = append(out, under(prefix, "")...)
		if home := m.venvHome(prefix); home != "" {
			out = append(out, under(path.Dir(home), "")...)
		}
	}
	return out
}

// prefixOf returns the directory of an environment named by itself, its bin
// directory's interpreter, or the interpreter's real path.
func (m *Machine) prefixOf(p string) string {
	if p == "" {
		return ""
	}
	p = path.Clean(filepath.ToSlash(p))
	if info, err := os.Stat(m.host(p)); err == nil && info.IsDir() {
		return p
	}
	return path.Dir(path.Dir(p))
}

// venvHome reads "home = DIR" of a virtual environment: where its interpreter
// comes from; "" when prefix is none.
func (m *Machine) venvHome(prefix string) string {
	data, err := readCapped(m.host(path.Join(prefix, "pyvenv.cfg")))
	if err != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if ok && strings.TrimSpace(key) == "home" {
			return path.Clean(filepath.ToSlash(strings.TrimSpace(value)))
		}
	}
	return ""
}

func (m *Machine) host(p string) string {
	return filepath.Join(m.Root, filepath.FromSlash(p))
}
