// SPDX-License-Identifier: Apache-2.0

package target

import (
	"path"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// withholdSwappable takes away what a plugin could point elsewhere: a path whose
// lookup passes a directory that the same plugin may write to. It would put a link
// there, to your keys, and have them at its next start. What lies in a writable
// directory by its own name is that bind's and needs no other.
func (x *expansion) withholdSwappable() {
	var written []place
	for _, p := range x.found {
		if p.access == sandbox.Write {
			written = append(written, p)
		}
	}
	if len(written) == 0 {
		return
	}
	x.found = slices.DeleteFunc(x.found, func(p place) bool {
		w, ok := x.swappable(p, written)
		if ok {
			x.withhold(p, "the plugin may write to "+w.source+" and could make it lead elsewhere")
		}
		return ok
	})
}

// swappable finds the writable place that decides where another one leads.
func (x *expansion) swappable(p place, written []place) (place, bool) {
	dirs := x.tree.lookups(p.path)
	for _, w := range written {
		part := p.access <= sandbox.Write && below(path.Dir(p.path), w.path)
		if !part && slices.ContainsFunc(dirs, func(dir string) bool { return below(dir, w.source) }) {
			return w, true
		}
	}
	return place{}, false
}

// withhold moves a path of a grant from what is given to what is not.
func (x *expansion) withhold(p place, reason string) {
	given := &x.view.Given[p.grant]
	given.Paths = slices.DeleteFunc(given.Paths, func(s string) bool { return s == p.path })
	if w := (Withheld{p.path, reason}); !slices.Contains(given.Withheld, w) {
		given.Withheld = append(given.Withheld, w)
	}
}
