// SPDX-License-Identifier: Apache-2.0

package target

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// places replaces the first word of a granted path by what it stands for on
// this machine; nothing when it stands for nothing.
func (m *Machine) places(t *tree, p string) []string {
	if p == manifest.Python {
		return m.pythonPaths(t)
	}
	first, rest, _ := strings.Cut(p, "/")
	switch first {
	case "":
		return []string{p}
	case "~":
		return m.under(m.Home, rest)
	case ".":
		return m.under(m.ProjectDir, rest)
	case "${process}":
		return m.under(m.ProcessDir, rest)
	}
	var out []string
	for _, place := range strings.Split(m.Env[strings.TrimPrefix(first, "$")], m.listSeparator()) {
		out = append(out, m.under(place, rest)...)
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

// under joins a granted rest to a place and returns the pattern. A place that is
// empty or relative, and what would be a directory of the whole system or the
// whole home, grants nothing: an environment variable must not widen a grant to
// everything.
func (m *Machine) under(place, rest string) []string {
	place = path.Clean(filepath.ToSlash(place))
	if !path.IsAbs(place) || m.whole(path.Join(place, plain(rest))) {
		return nil
	}
	return []string{path.Join(escape.Replace(place), rest)}
}

// plain is a granted rest without the segments at its end that match all names.
func plain(rest string) string {
	for rest != "" && manifest.MatchesAll(path.Base(rest)) {
		rest = strings.TrimPrefix(path.Dir("/"+rest), "/")
	}
	return rest
}

// escape makes a place match itself.
var escape = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// whole reports whether a path is a directory of the system, or holds the home.
func (m *Machine) whole(p string) bool {
	return slices.Contains(tooWide, p) || m.Home != "" && below(path.Clean(m.Home), p)
}

// below reports whether p is dir or lies in it; both are clean.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

var tooWide = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
	"/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/local", "/var", "/Users", "/Library", "/System",
}
