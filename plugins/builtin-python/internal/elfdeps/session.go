// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"maps"
	"slices"
	"strings"
)

// Session is a process that imports one package after another: what was loaded
// before answers to its name. It is not safe for concurrent use.
type Session struct{ w *walk }

// Start begins a process that has loaded nothing yet. Preloads tells whether the
// package that it imports first is the one that opens them.
func (l *Loader) Start(preloads bool) *Session {
	w := l.begin()
	w.later = !preloads
	return &Session{w}
}

// Load loads the roots and everything that they need and is not loaded yet. The
// result is about these alone.
func (s *Session) Load(roots []string) Result {
	first := len(s.w.nodes)
	s.w.result = Result{}
	s.w.run(roots)
	s.w.result.Lacking = s.w.lacking(s.w.nodes[first:])
	s.w.later = true
	return s.w.result
}

// Fork is a process of the same past. The two know nothing of each other.
func (s *Session) Fork() *Session {
	w := *s.w
	w.loaded, w.outside, w.files = maps.Clone(w.loaded), maps.Clone(w.outside), maps.Clone(w.files)
	w.nodes = slices.Clone(w.nodes)
	return &Session{&w}
}

// preloaded tells whether a file that only the package itself would open is open
// for what is loaded now.
func (w *walk) preloaded(name, file string) (string, found) {
	if !w.later || w.opened || slices.ContainsFunc(w.preloads, func(p Preload) bool { return p.Always && strings.HasPrefix(name, p.Prefix) }) {
		return file, fromPreload
	}
	return "", notFound
}

// Opened is the file that a library gets when it opens another one by name while
// it runs; false where the search finds none. Release is the number behind ".so"
// in the name of the real file, "" where that is only the major of the name.
func (l *Loader) Opened(by, name string) (file, release string, ok bool) {
	o, err := l.object(by)
	if err != nil {
		return "", "", false
	}
	file, how := l.resolve(&node{object: o}, name)
	if how == notFound || how == fromPreload {
		return "", "", false
	}
	return file, l.releaseOf(file), true
}
