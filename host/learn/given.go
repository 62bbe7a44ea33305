// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// given is a grant of the run with what it stands for on the machine. A run has up
// to some hundred of them and tens of thousands of uses, so that both are taken
// apart once.
type given struct {
	manifest.Grant
	name     string     // Grant.String
	patterns []string   // absolute, as path.Match takes them
	segments [][]string // of each pattern
}

// prepare expands the grants of the run.
func (j *judge) prepare() {
	for _, g := range j.Given {
		one := given{Grant: g, name: g.String()}
		if g.Path != "" {
			one.patterns = j.expand(g.Path)
		}
		for _, pattern := range one.patterns {
			one.segments = append(one.segments, segments(pattern))
		}
		j.given = append(j.given, one)
	}
}

// granting returns the grant of the run that allows a use of a path: of several the
// one that names the most of it.
func (j *judge) granting(p string, kinds ...string) (best given, ok bool) {
	have := segments(p)
	for _, kind := range kinds {
		depth := -1
		for _, g := range j.given {
			if g.Kind == kind && len(segments(g.Path)) > depth && g.holds(have) {
				best, ok, depth = g, true, len(segments(g.Path))
			}
		}
		if ok {
			return best, true
		}
	}
	g, found := j.view.GrantOf(p)
	return given{Grant: g, name: g.String(), patterns: j.expand(g.Path)}, found && slices.Contains(kinds, g.Kind)
}

// holds reports whether a path, by its segments, is granted or lies in what is.
func (g *given) holds(have []string) bool {
	return slices.ContainsFunc(g.segments, func(want []string) bool { return within(want, have) })
}

// towardsGranted reports whether a path is a directory on the way to something that
// was granted.
func (j *judge) towardsGranted(p string) bool {
	have := segments(p)
	return slices.ContainsFunc(j.given, func(g given) bool {
		return slices.ContainsFunc(g.segments, func(want []string) bool { return len(want) > len(have) && within(want[:len(have)], have) })
	})
}

// choosing reports whether a grant chooses by a pattern what is shown of a directory:
// to list it is then to look for that.
func (j *judge) choosing(dir string) bool {
	have := segments(dir)
	return slices.ContainsFunc(j.given, func(g given) bool {
		return slices.ContainsFunc(g.segments, func(want []string) bool {
			return len(want) > len(have) && manifest.HasGlob(want[len(have)]) && within(want[:len(have)], have)
		})
	})
}

// use counts a use for its grant, and for others that name the same path in other
// words.
func (j *judge) use(g given, m Mark) {
	j.count(g, m)
	same := escape.Replace(m.Path)
	for _, other := range j.given {
		if other.Kind == g.Kind && other.name != g.name && slices.Contains(other.patterns, same) {
			j.count(other, m)
		}
	}
}

func (j *judge) count(g given, m Mark) {
	u := j.used[g.name]
	if u == nil {
		u = &usage{grant: g.Grant}
		j.used[g.name] = u
	}
	u.marks = append(u.marks, m)
	u.count += m.Count
}

// within reports whether a path lies in what a pattern matches, or is that; both by
// their segments.
func within(want, have []string) bool {
	if len(have) < len(want) {
		return false
	}
	for i, segment := range want {
		if segment == have[i] {
			continue
		}
		if !strings.ContainsAny(segment, `*?[\`) {
			return false
		}
		if ok, err := path.Match(segment, have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
