// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/bulkhead-ml/bulkhead/internal/pathtree"
)

// runtimes are the container runtimes that are known by name.
var runtimes = []string{"runsc", "crun", "runc", "docker"}

// programTrees are where administrators install programs.
var programTrees = []string{
	"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib",
	"/opt", "/snap", "/nix/store", "/run/current-system",
}

// runtime reads the name or path of a container runtime. The host itself starts
// it, outside of every sandbox, so that a project from anybody must not bring it.
func (s section) runtime() string {
	text := s.text("runtime")
	switch _, ok := s.attrs["runtime"]; {
	case !ok || slices.Contains(runtimes, text) || isDrivePath(text):
		return text
	case !isAbsolute(text):
		s.l.errorf(s.rangeFor("runtime"), "Unknown runtime", "\"runtime\" takes one of %s or the absolute path of a runtime, not %q.%s",
			quotedList(runtimes), shorten(text), nearSentence(text, runtimes))
	case !installed(text, s.rangeFor("runtime")):
		s.l.errorf(s.rangeFor("runtime"), "Runtime of a project",
			"The host starts the runtime outside of any sandbox, and %q is not where an administrator installs programs, such as /usr/local/bin. Install it there.", shorten(text))
	default:
		return text
	}
	return ""
}

func isAbsolute(p string) bool { return len(p) > 1 && p[0] == '/' || isDrivePath(p) }

// installed reports whether a program lies, by its name and behind its links,
// where an administrator put it, and not in the project.
func installed(name string, at hcl.Range) bool {
	real := filepath.Clean(name)
	if end, err := filepath.EvalSymlinks(real); err == nil {
		if !inTrees(real) {
			return false
		}
		real = end
	}
	real = filepath.ToSlash(real)
	return inTrees(real) && !slices.ContainsFunc(projects(at), func(dir string) bool { return pathtree.Within(real, dir) })
}

func inTrees(p string) bool {
	return slices.ContainsFunc(programTrees, func(dir string) bool { return p != dir && pathtree.Within(p, dir) })
}

// projects are the directories that a project may be, with slashes: that of the
// file and the working directory, unless they are where all programs are.
func projects(at hcl.Range) []string {
	var out []string
	for _, dir := range []string{filepath.Dir(at.Filename), "."} {
		abs, err := filepath.Abs(dir)
		if real, linkErr := filepath.EvalSymlinks(abs); linkErr == nil {
			abs = real
		}
		abs = filepath.ToSlash(abs)
		if err == nil && !slices.ContainsFunc(programTrees, func(tree string) bool { return pathtree.Within(tree, abs) }) {
			out = append(out, abs)
		}
	}
	return out
}
