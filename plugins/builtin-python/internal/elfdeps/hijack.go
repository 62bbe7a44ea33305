// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"path"
	"slices"
	"strings"
)

// noteHijack records that LD_LIBRARY_PATH answers for a library of which the
// environment brings its own.
func (w *walk) noteHijack(n *node, name, file string) {
	if w.isInside(file) {
		return
	}
	bundled, ok := w.search(slices.Concat(n.object.runPath(), w.preloadDirs(name)), name, n.object)
	if !ok || w.sameFile(bundled, file) {
		return
	}
	h := Hijack{Library: name, Path: file, Bundled: bundled, NeededBy: n.object.Path}
	h.Undefined = w.undefined(n.object.Path, file, bundled)
	h.Release = w.releaseOf(file)
	w.result.Hijacks = append(w.result.Hijacks, h)
}

// releaseOf reads the release off the name to which a library's link leads.
func (l *Loader) releaseOf(file string) string {
	real, err := l.target.Resolve(file)
	if err != nil {
		return ""
	}
	_, release, _ := strings.Cut(path.Base(real), ".so.")
	if !strings.Contains(release, ".") {
		return ""
	}
	return release
}

func (w *walk) sameFile(a, b string) bool {
	x, errX := w.target.Resolve(a)
	y, errY := w.target.Resolve(b)
	return errX == nil && errY == nil && x == y
}

// maxUndefined bounds the symbols named.
const maxUndefined = 5

// undefined lists symbols that user wants, the bundled library exports, and
// the one that is loaded instead does not: those that the loader will name.
func (l *Loader) undefined(user, loaded, bundled string) []string {
	has, meant := l.exports(loaded), l.exports(bundled)
	if has == nil || meant == nil {
		return nil
	}
	var out []string
	err := eachWanted(l.target, user, func(string) bool { return true }, func(w want) {
		if meant.has(w.name, w.version) && !has.has(w.name, w.version) {
			out = append(out, string(w.name))
		}
	})
	if err != nil {
		return nil
	}
	slices.Sort(out)
	return out[:min(maxUndefined, len(out))]
}
