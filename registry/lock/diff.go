// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Kinds of changes.
const (
	Added          = "added"           // a plugin came
	Removed        = "removed"         // a plugin went
	Upgraded       = "upgraded"        // to a newer version
	Downgraded     = "downgraded"      // to an older version
	Moved          = "moved"           // to another registry
	Constrained    = "constrained"     // other constraints
	Pinned         = "pinned"          // upgrades leave it alone from now on
	Unpinned       = "unpinned"        // upgrades may take it along again
	GrantsAdded    = "grants-added"    // the user consented to more
	GrantsRemoved  = "grants-removed"  // to less
	DigestsAdded   = "digests-added"   // for further platforms
	DigestsRemoved = "digests-removed" // for some platforms
	DigestsChanged = "digests-changed" // of one version, which never happens to an honest release
)

// Change is one difference between two lock files.
type Change struct {
	Kind string
	ID   string
	// Old and New are versions, registries or constraints, as the kind says. A
	// plugin that came has a New, one that went an Old.
	Old, New string
	Items    []string // grants or platforms, sorted
}

// String says it in one line: "acme/scaler: 1.4.2 -> 1.5.0 (upgraded)".
func (c Change) String() string {
	items := strings.Join(c.Items, ", ")
	switch c.Kind {
	case Added:
		return fmt.Sprintf("%s: %s added", c.ID, c.New)
	case Removed:
		return fmt.Sprintf("%s: %s removed", c.ID, c.Old)
	case Upgraded, Downgraded:
		return fmt.Sprintf("%s: %s -> %s (%s)", c.ID, c.Old, c.New, c.Kind)
	case Moved:
		return fmt.Sprintf("%s: registry %s -> %s", c.ID, c.Old, c.New)
	case Constrained:
		return fmt.Sprintf("%s: constraints %s -> %s", c.ID, cmp.Or(c.Old, "none"), cmp.Or(c.New, "none"))
	case Pinned:
		return fmt.Sprintf("%s: pinned to %s", c.ID, c.New)
	case Unpinned:
		return fmt.Sprintf("%s: no longer pinned to %s", c.ID, c.Old)
	case GrantsAdded:
		return fmt.Sprintf("%s: may now also: %s", c.ID, items)
	case GrantsRemoved:
		return fmt.Sprintf("%s: may no longer: %s", c.ID, items)
	case DigestsAdded:
		return fmt.Sprintf("%s: digests added for %s", c.ID, items)
	case DigestsRemoved:
		return fmt.Sprintf("%s: digests removed for %s", c.ID, items)
	}
	return fmt.Sprintf("%s: digests of %s changed for %s", c.ID, c.New, items)
}

// Diff lists what differs, by plugin and in the order of the kinds. A nil file is
// an empty one.
func Diff(before, after *File) []Change {
	was, is := byName(before), byName(after)
	ids := maps.Clone(was)
	maps.Copy(ids, is)
	var out []Change
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		old, hadIt := was[id]
		next, hasIt := is[id]
		switch {
		case !hadIt:
			out = append(out, Change{Kind: Added, ID: id, New: next.Version})
			out = append(out, settings(Plugin{ID: id, Registry: next.Registry, Constraints: next.Constraints}, next)...)
		case !hasIt:
			out = append(out, Change{Kind: Removed, ID: id, Old: old.Version})
		default:
			out = append(out, versions(old, next)...)
			out = append(out, settings(old, next)...)
			out = append(out, digests(old, next)...)
		}
	}
	return out
}

func byName(f *File) map[string]Plugin {
	out := map[string]Plugin{}
	if f == nil {
		return out
	}
	for _, p := range f.Plugins {
		out[p.ID] = p.normal()
	}
	return out
}

func versions(old, next Plugin) []Change {
	kind := Upgraded
	switch release.Compare(next.Version, old.Version) {
	case 0:
		return nil
	case -1:
		kind = Downgraded
	}
	return []Change{{Kind: kind, ID: old.ID, Old: old.Version, New: next.Version}}
}

func settings(old, next Plugin) []Change {
	var out []Change
	if old.Registry != next.Registry {
		out = append(out, Change{Kind: Moved, ID: old.ID, Old: old.Registry, New: next.Registry})
	}
	if old.Constraints != next.Constraints {
		out = append(out, Change{Kind: Constrained, ID: old.ID, Old: old.Constraints, New: next.Constraints})
	}
	switch {
	case next.Pinned && !old.Pinned:
		out = append(out, Change{Kind: Pinned, ID: old.ID, New: next.Version})
	case old.Pinned && !next.Pinned:
		out = append(out, Change{Kind: Unpinned, ID: old.ID, Old: old.Version})
	}
	return append(out, lists(old.ID, GrantsAdded, GrantsRemoved, old.Grants, next.Grants)...)
}

func digests(old, next Plugin) []Change {
	out := lists(old.ID, DigestsAdded, DigestsRemoved, slices.Sorted(maps.Keys(old.Platforms)), slices.Sorted(maps.Keys(next.Platforms)))
	if old.Version != next.Version {
		return out
	}
	var changed []string
	for _, key := range slices.Sorted(maps.Keys(old.Platforms)) {
		if now, ok := next.Platforms[key]; ok && !now.Same(old.Platforms[key]) {
			changed = append(changed, key)
		}
	}
	if changed != nil {
		out = append(out, Change{Kind: DigestsChanged, ID: old.ID, Old: old.Version, New: next.Version, Items: changed})
	}
	return out
}

// lists compares two sorted lists.
func lists(id, added, removed string, old, next []string) []Change {
	var out []Change
	if more := without(next, old); more != nil {
		out = append(out, Change{Kind: added, ID: id, Items: more})
	}
	if less := without(old, next); less != nil {
		out = append(out, Change{Kind: removed, ID: id, Items: less})
	}
	return out
}

func without(list, other []string) []string {
	var out []string
	for _, s := range list {
		if _, ok := slices.BinarySearch(other, s); !ok {
			out = append(out, s)
		}
	}
	return out
}
