// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// A plugin of the SDKs that looks for /sys/class/net/*/speed names that pattern once,
// as it stands, before it lists what it is shown: a grant of the pattern is what it
// needs, and what the pattern matches here says nothing about other machines. Nothing
// has such a name itself, or it is a name like any other.

// maxPatterns bounds how many patterns of one run are judged, and maxEntries how many
// names of directories are read to see whether they match anything: a plugin may name
// what it likes.
const (
	maxPatterns = 256
	maxEntries  = 50_000
)

// patterned marks the patterns among what was seen, and leaves out the listings that
// they explain.
func (j *judge) patterned(marks []Mark) (out []Mark) {
	for i, m := range marks {
		if at, p := locate(m.Path); at == onMachine && len(j.patterns) < maxPatterns && m.Use == sandbox.UseLook && !m.Found && manifest.HasGlob(p) && !exists(p) {
			marks[i].pattern = true
			j.patterns = append(j.patterns, marks[i])
			if grantable(manifest.Read, j.word(manifest.Read, p)) {
				j.folding = append(j.folding, segments(p))
			}
		}
	}
	for _, m := range marks {
		if !j.explained(m) {
			out = append(out, m)
		}
	}
	return out
}

// explained reports whether a directory was listed for the patterns alone.
func (j *judge) explained(m Mark) bool {
	if !m.Directory || m.Use != sandbox.UseRead {
		return false
	}
	have, listed := segments(m.Path), 0 // of the plugin's view, as the patterns are
	for _, pattern := range j.patterns {
		want := segments(pattern.Path)
		if len(want) > len(have) && manifest.HasGlob(want[len(have)]) && within(want[:len(have)], have) {
			listed += pattern.Count
		}
	}
	return listed >= m.Count
}

// inPattern reports whether a use is one that a pattern was looked for, of those that a
// manifest may ask for: another one must not stand for what is in it.
func (j *judge) inPattern(m Mark) bool {
	if m.pattern || m.Use == sandbox.UseWrite || m.Use == sandbox.UseStart {
		return false
	}
	have := segments(m.Path)
	return slices.ContainsFunc(j.folding, func(want []string) bool { return within(want, have) })
}

// here reports whether the machine has what a mark names.
func (j *judge) here(m Mark) bool {
	if m.pattern {
		return j.matches(m.Path)
	}
	return exists(m.Path)
}

// matches reports whether anything on the machine has a name that a pattern matches.
// It gives up, and says no, when the run has looked at too many names.
func (j *judge) matches(pattern string) bool { return j.matchesIn("/", segments(pattern)) }

func (j *judge) matchesIn(dir string, rest []string) bool {
	if len(rest) == 0 {
		return true
	}
	if !manifest.HasGlob(rest[0]) {
		next := path.Join(dir, rest[0])
		return exists(next) && j.matchesIn(next, rest[1:])
	}
	f, err := os.Open(filepath.FromSlash(dir))
	if err != nil {
		return false
	}
	defer f.Close()
	for j.looked < maxEntries {
		names, err := f.Readdirnames(256)
		j.looked += len(names)
		for _, name := range names {
			if ok, bad := path.Match(rest[0], name); bad == nil && ok && j.matchesIn(path.Join(dir, name), rest[1:]) {
				return true
			}
		}
		if errors.Is(err, io.EOF) || err != nil {
			return false
		}
	}
	return false
}
