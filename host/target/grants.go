// SPDX-License-Identifier: Apache-2.0

package target

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// View is what one plugin gets to see of a machine.
type View struct {
	// Binds are the granted paths that exist now.
	Binds []sandbox.Bind
	// Env holds the granted variables of the examined process.
	Env map[string]string
}

// Expand turns grants into a view. Paths that do not exist grant nothing; a
// path inside another granted one is covered by it.
func (m *Machine) Expand(grants []manifest.Grant) View {
	v := View{Env: map[string]string{}}
	paths, devices := map[string]bool{}, map[string]bool{}
	for _, g := range grants {
		if g.Kind == manifest.Env {
			m.grantEnv(v.Env, g.Name)
			continue
		}
		for _, p := range m.places(g.Path) {
			for _, match := range m.glob(p) {
				paths[match] = true
				devices[match] = devices[match] || g.Kind == manifest.Device && m.isDevice(match)
			}
		}
	}
	for _, p := range outermost(slices.Sorted(maps.Keys(paths))) {
		v.Binds = append(v.Binds, sandbox.Bind{Source: p, Optional: true})
	}
	for _, p := range slices.Sorted(maps.Keys(devices)) {
		if devices[p] {
			v.Binds = append(v.Binds, sandbox.Bind{Source: p, Optional: true, Device: true})
		}
	}
	return v
}

// isDevice reports whether a granted path is a device node of this machine. A
// node in a foreign root is never granted for use: its numbers would open a
// device of this machine.
func (m *Machine) isDevice(p string) bool {
	info, err := os.Stat(m.host(p))
	return err == nil && m.Live() && strings.HasPrefix(p, "/dev/") && info.Mode()&fs.ModeDevice != 0
}

func (m *Machine) grantEnv(env map[string]string, pattern string) {
	for name, value := range m.Env {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if name == pattern || wild && strings.HasPrefix(name, prefix) {
			env[name] = value
		}
	}
}

// places replaces the first word of a granted path by what it stands for on
// this machine; nothing when it stands for nothing.
func (m *Machine) places(p string) []string {
	if p == "${python}" {
		return m.pythonPaths()
	}
	first, rest, _ := strings.Cut(p, "/")
	switch first {
	case "":
		return []string{p}
	case "~":
		return under(m.Home, rest)
	case ".":
		return under(m.ProjectDir, rest)
	case "${process}":
		return under(m.ProcessDir, rest)
	}
	var out []string
	for _, place := range strings.Split(m.Env[strings.TrimPrefix(first, "$")], m.listSeparator()) {
		out = append(out, under(place, rest)...)
	}
	return out
}

// listSeparator is what stands between the directories of a variable such as
// LD_LIBRARY_PATH.
func (m *Machine) listSeparator() string {
	if m.OS == "windows" {
		return ";"
	}
	return ":"
}

// under joins a granted rest to a place. A place that is empty, relative or a
// directory of the whole system grants nothing: an environment variable must
// not widen a grant to everything.
func under(place, rest string) []string {
	place = path.Clean(filepath.ToSlash(place))
	if !path.IsAbs(place) || rest == "" && slices.Contains(tooWide, place) {
		return nil
	}
	return []string{path.Join(place, rest)}
}

var tooWide = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
	"/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/local", "/var", "/Users", "/Library", "/System",
}

// glob lists the machine's paths that match a pattern.
func (m *Machine) glob(pattern string) []string {
	root := m.Root
	if root == "" {
		root = "/"
	}
	if !strings.Contains(pattern, "*") {
		if _, err := os.Lstat(filepath.Join(root, pattern)); err != nil {
			return nil
		}
		return []string{pattern}
	}
	matches, err := fs.Glob(os.DirFS(root), strings.TrimPrefix(pattern, "/"))
	if err != nil {
		return nil
	}
	for i := range matches {
		matches[i] = "/" + matches[i]
	}
	return matches
}

// outermost drops paths that lie inside another one of the sorted list.
func outermost(paths []string) []string {
	var out []string
	for _, p := range paths {
		if n := len(out); n > 0 && (p == out[n-1] || strings.HasPrefix(p, out[n-1]+"/")) {
			continue
		}
		out = append(out, p)
	}
	return out
}
