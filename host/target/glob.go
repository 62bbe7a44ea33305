// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// Bounds on what one grant may match: far above what a machine has where
// plugins look, far below what makes a sandbox slow.
const (
	maxMatches = 10_000
	maxListed  = 100_000 // names looked at
)

// Bounds on all grants of a plugin together: there can be a thousand of them.
const (
	maxAllMatches = 4 * maxMatches
	maxAllListed  = 10 * maxListed
)

// search finds what one grant leads to; its bounds are for all its patterns
// together.
type search struct {
	*tree
	found, listed int
	cut           string // why something was left out
}

// search begins to look for what one more grant leads to, with what others left.
func (x *expansion) search() *search {
	return &search{
		tree:   x.tree,
		found:  max(0, maxMatches-(maxAllMatches-x.matched)),
		listed: max(0, maxListed-(maxAllListed-x.listed)),
	}
}

// glob lists the paths that match a pattern, in order. The same files always
// give the same list.
func (s *search) glob(pattern string) []string {
	paths := []string{pattern}
	if isPattern(pattern) {
		paths = []string{"/"}
		for _, segment := range names(pattern) {
			paths = s.step(paths, segment)
		}
	}
	if !isPattern(path.Base(pattern)) { // the others were listed
		paths = s.existing(paths)
	}
	s.found += len(paths)
	return paths
}

// isPattern reports whether a path or segment must be matched: it has globs, or
// escapes of places whose names look like globs.
func isPattern(s string) bool { return manifest.HasGlob(s) || strings.Contains(s, `\`) }

// step goes one segment down from each directory.
func (s *search) step(dirs []string, segment string) []string {
	var out []string
	for _, dir := range dirs {
		if !isPattern(segment) {
			out = append(out, path.Join(dir, segment))
			continue
		}
		out = append(out, s.matching(dir, segment)...)
		if most := max(maxMatches-s.found, 0); len(out) > most {
			s.cut = fmt.Sprintf("more than %d paths match; name fewer", maxMatches)
			return out[:most]
		}
	}
	return out
}

// matching are the paths in a directory whose names match.
func (s *search) matching(dir, segment string) []string {
	if s.listed >= maxListed {
		s.cut = "too many names were looked at; name fewer"
		return nil
	}
	listed, err := s.list(dir, maxListed-s.listed)
	if err != nil {
		if info, statErr := s.stat(dir); statErr == nil && info.IsDir() {
			s.cut = err.Error()
		}
		return nil
	}
	s.listed += len(listed)
	var out []string
	literal := segment[:strings.IndexAny(segment, `*?[\`)] // it is a pattern
	for _, name := range listed {
		if !strings.HasPrefix(name, literal) {
			continue
		}
		if ok, err := path.Match(segment, name); ok && err == nil {
			out = append(out, path.Join(dir, name))
		}
	}
	return out
}

// existing drops the paths that a last segment without a glob made up.
func (s *search) existing(paths []string) []string {
	var out []string
	for _, p := range paths {
		if _, err := s.lstat(p); err == nil {
			out = append(out, p)
		}
	}
	return out
}
