// SPDX-License-Identifier: Apache-2.0

package solve

import (
	"cmp"
	"slices"

	"github.com/hashicorp/go-version"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// question is which release of one plugin will do.
type question struct {
	problem    *Problem
	id         string
	wants      []want
	locked     string // version, empty for none
	rules      []rule
	candidates []*candidate // newest first
}

// candidate is a release under consideration. Its version is parsed once, when a
// constraint looks at it.
type candidate struct {
	*release.Known
	version *version.Version
}

// newestFirst orders candidates.
func newestFirst(a, b *candidate) int {
	if order := release.Compare(b.Version, a.Version); order != 0 {
		return order
	}
	return cmp.Compare(a.Registry, b.Registry)
}

// none stands for a version that cannot be read, which a validated release does
// not have: it satisfies nothing that was asked for.
var none = version.Must(version.NewVersion("0.0.0-0"))

func (c *candidate) parsed() *version.Version {
	if c.version == nil {
		c.version = none
		if v, err := version.NewSemver(c.Version); err == nil {
			c.version = v
		}
	}
	return c.version
}

func newQuestion(p *Problem, id string, wants []want) *question {
	q := &question{problem: p, id: id, wants: wants, locked: p.Locked[id]}
	known := p.Available[id]
	held := make([]candidate, len(known))
	for i := range known {
		held[i].Known = &known[i]
		q.candidates = append(q.candidates, &held[i])
	}
	slices.SortStableFunc(q.candidates, newestFirst)
	q.rules = q.allRules()
	return q
}

// choose picks the locked release or the newest that will do.
func (q *question) choose() (Choice, bool) {
	usable := q.newest(q.rules)
	if usable == nil {
		return Choice{}, false
	}
	chosen := usable
	if kept := q.kept(); kept != nil && !q.upgrades() {
		chosen = kept
	}
	key, _, _ := chosen.For(q.problem.Platform)
	c := Choice{ID: q.id, Release: *chosen.Known, Platform: key, Usable: usable.Version}
	if n := q.newestOffered(); n != nil {
		c.Newest = n.Version
	}
	c.Why = q.why(chosen, usable)
	return c, true
}

func (q *question) upgrades() bool { return q.problem.UpgradeAll || q.problem.Upgrade[q.id] }

// lockedOne is the release of the locked version, nil when there is none.
func (q *question) lockedOne() *candidate {
	for _, c := range q.candidates {
		if c.Version == q.locked {
			return c
		}
	}
	return nil
}

// kept is the release of the locked version when it still will do.
func (q *question) kept() *candidate {
	for _, c := range q.candidates {
		if c.Version == q.locked && q.obeys(c, q.rules) {
			return c
		}
	}
	return nil
}

// newest is the newest release that obeys some rules.
func (q *question) newest(rules []rule) *candidate {
	for _, c := range q.candidates {
		if q.obeys(c, rules) {
			return c
		}
	}
	return nil
}

func (q *question) obeys(c *candidate, rules []rule) bool {
	for i := range rules {
		if !rules[i].holds(c) {
			return false
		}
	}
	return true
}

// newestOffered is the newest that was not yanked, without pre-releases that
// nobody asked for.
func (q *question) newestOffered() *candidate {
	for _, c := range q.candidates {
		if c.Yanked == nil && q.askedFor(c) {
			return c
		}
	}
	return nil
}

// askedFor reports whether no want minds that a release is a pre-release.
func (q *question) askedFor(c *candidate) bool {
	for i := range q.wants {
		if !q.wants[i].asksFor(c) {
			return false
		}
	}
	return true
}
