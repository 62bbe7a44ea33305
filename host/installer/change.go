// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// Kind is what happens to a plugin.
type Kind string

// The kinds of changes.
const (
	Install   Kind = "install"
	Upgrade   Kind = "upgrade"
	Downgrade Kind = "downgrade"
	Remove    Kind = "remove"
	Fetch     Kind = "fetch" // as locked, but not in the store
	Keep      Kind = "keep"
)

// Change is what a plan does to one plugin.
type Change struct {
	Kind     Kind   `json:"kind"`
	ID       string `json:"id"`
	Registry string `json:"registry"`
	From     string `json:"from,omitempty"` // version that is locked
	To       string `json:"to,omitempty"`   // version that will be
	// Newest is the newest version of the registry, and Why the reason when To is
	// another one, a line for each.
	Newest string `json:"newest,omitempty"`
	Why    string `json:"why,omitempty"`
	Bytes  int64  `json:"bytes"` // to download
	// Asks are the grants that nobody consented to yet, Drops those that the new
	// version asks for no more.
	Asks  []manifest.Grant `json:"asks"`
	Drops []string         `json:"drops"`
	// News is what the publisher says of the new version.
	News string `json:"news,omitempty"`
	// Warnings, such as a yanked version that stays.
	Warnings []string `json:"warnings,omitempty"`

	known    release.Known
	platform string // key of the release
}

// Changes reports whether the change changes what is locked or in the store, or
// what was agreed to.
func (c Change) Changes() bool { return c.Kind != Keep || len(c.Asks) > 0 }

// moved says that a plugin comes from another registry than before, which makes it
// another plugin, even in the same version.
func (c *Change) moved(before string) {
	if before == "" || before == c.Registry {
		return
	}
	if c.Kind == Keep {
		c.Kind = Install
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("it comes from the registry %q now, and came from %q before", c.Registry, before))
}

// kind compares two versions; from may be empty.
func kind(from, to string) Kind {
	switch n := release.Compare(from, to); {
	case from == "":
		return Install
	case n < 0:
		return Upgrade
	case n > 0:
		return Downgrade
	}
	return Keep
}

// asks are the grants of a release that no consent covers.
func asks(r release.Release, consented []string) []manifest.Grant {
	var have []manifest.Grant
	for _, c := range consented {
		if g, err := manifest.ParseGrant(c); err == nil {
			have = append(have, g)
		}
	}
	out := []manifest.Grant{}
	for _, g := range r.Grants {
		if !slices.ContainsFunc(have, func(h manifest.Grant) bool { return h.Covers(g) }) {
			out = append(out, g)
		}
	}
	return out
}

// drops are consents that a release has no use for.
func drops(r release.Release, consented []string) []string {
	out := []string{}
	for _, c := range consented {
		if !slices.ContainsFunc(r.Grants, func(g manifest.Grant) bool { return g.String() == c }) {
			out = append(out, c)
		}
	}
	return out
}

// entry is what the lock file says of a release: its digests on all platforms, as
// the publisher signed and the log holds them.
func entry(k release.Known, w Want, before lock.Plugin) lock.Plugin {
	p := lock.Plugin{
		ID: k.ID, Registry: k.Registry, Version: k.Version, Constraints: w.Constraint, Pinned: before.Pinned, Platforms: map[string]lock.Platform{},
	}
	for _, g := range k.Grants {
		p.Grants = append(p.Grants, g.String())
	}
	slices.Sort(p.Grants)
	p.Grants = slices.Compact(p.Grants)
	for key, pl := range k.Platforms {
		known := []string{lock.Signed}
		if old, ok := before.Platforms[key]; ok && before.Version == k.Version {
			known = old.Known
		}
		p.Platforms[key] = lock.Of(pl, known...)
	}
	return p
}

// explain takes over why a version was chosen.
func (c *Change) explain(choice solve.Choice) { c.Why = strings.Join(choice.Why, "\n") }

// warnings are what to know of a release that was chosen all the same.
func warnings(k release.Known) (out []string) {
	if k.Yanked != nil {
		out = append(out, fmt.Sprintf("%s %s was yanked: %s", k.ID, k.Version, k.Yanked.Reason))
	}
	return out
}
