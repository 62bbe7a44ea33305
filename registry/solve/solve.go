// SPDX-License-Identifier: Apache-2.0

// Package solve chooses one version of every plugin that is wanted, for all
// wants at once, and explains the answer.
//
// # Rules
//
// A release will do for a plugin when every rule holds:
//
//	platform    it has an archive for the platform, or for any
//	protocol    it serves a major of the protocol that the host speaks
//	host        the host is not older than its min_host
//	registry    it is from the registry that a want names
//	pin         it has the version that a want pins
//	constraint  it satisfies the constraints of every want
//	yanked      it was not yanked, unless it is the locked version
//	prerelease  it is no pre-release, unless every want asks for those
//
// Constraints are lists of "OP VERSION" that all hold, OP one of =, !=, >, >=, <,
// <= and ~>. "~> 1.2" is 1.2 or newer and below 2; "~> 1.2.3" is 1.2.3 or newer
// and below 1.3. No constraint at all is satisfied by every release.
//
// A want asks for pre-releases with Prerelease; then 1.3.0-rc.1 satisfies what 1.3.0
// would, save that a constraint that names a pre-release of 1.3.0 is taken at its
// word. It also asks for those that a constraint names (other than by !=): ">=
// 1.3.0-rc.1" admits the later pre-releases of 1.3.0 and of no other version. A pin
// to a pre-release asks for that one.
//
// # Choice
//
// The locked version stays when it will do and no upgrade of the plugin is asked
// for. Else it is the newest that will do, by the precedence of Semantic
// Versioning. The answer depends on nothing else, so it is the same every time.
//
// # Explanation
//
// A choice that is older than the newest release says why. When nothing will do,
// a [Conflict] has for each such plugin a set of reasons that together rule out
// every release, and that no longer do when any one of them is left out.
package solve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-version"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Want asks for a plugin. Several wants may be of one plugin.
type Want struct {
	ID         string // "acme/scaler"
	Constraint string // "~> 1.2, != 1.2.5"; empty for any version
	From       string // the place that asks: "bulkhead.hcl:12"
	Pin        string // the exact version, empty for none
	Prerelease bool   // pre-releases are welcome
	Registry   string // the name of the registry to take it from; empty for the only one
}

// Problem is what is to be solved.
type Problem struct {
	Wants []Want
	// Available are the known releases by ID of the plugin, in any order.
	Available map[string][]release.Known
	Host      string // the version of this host; empty when it does not matter
	Protocols []int  // the majors that this host speaks
	Platform  string // "linux_amd64"; empty is [release.Host]
	// Locked versions by ID of the plugin.
	Locked map[string]string
	// Upgrade names the plugins that may leave their locked version though it would
	// still do; UpgradeAll is all of them.
	Upgrade    map[string]bool
	UpgradeAll bool
}

// Solution is a version for every plugin that is wanted.
type Solution struct {
	Choices []Choice // in order of ID
}

// Choice is the version of one plugin.
type Choice struct {
	ID       string
	Release  release.Known
	Platform string // the key in its platforms: the platform or "any"
	// Newest is the newest version that was not yanked, without pre-releases that
	// nobody asked for; Usable is the newest one that would do. Both may be newer than
	// the choice, when that is locked, and Newest is empty when all were yanked.
	Newest, Usable string
	// Why says in one line each why the choice is older than Newest, why it is not the
	// locked version, or that it was yanked. Empty when there is nothing to explain.
	Why []string
}

// Of returns the choice for a plugin.
func (s Solution) Of(id string) (Choice, bool) {
	i, ok := slices.BinarySearchFunc(s.Choices, id, func(c Choice, id string) int { return cmp.Compare(c.ID, id) })
	if !ok {
		return Choice{}, false
	}
	return s.Choices[i], true
}

// WantError is a want that means nothing: its constraint, its pin or its name is
// not well formed.
type WantError struct {
	Want   Want
	Reason string
}

// Error names the place and what is wrong.
func (e *WantError) Error() string {
	return fmt.Sprintf("%s: plugin %+.80q: %s", cmp.Or(e.Want.From, "a want"), e.Want.ID, e.Reason)
}

// Solve chooses a version for every plugin that is wanted. The error is a
// [*WantError] for a want that means nothing, or a [*Conflict] that names every
// plugin without an answer.
func Solve(p Problem) (Solution, error) {
	p.Platform = cmp.Or(p.Platform, release.Host())
	if p.Host != "" {
		if err := release.CheckVersion(p.Host); err != nil {
			return Solution{}, fmt.Errorf("solving for this host: %w", err)
		}
	}
	wants, err := group(p.Wants)
	if err != nil {
		return Solution{}, err
	}
	var out Solution
	var conflict Conflict
	for _, id := range slices.Sorted(maps.Keys(wants)) {
		q := newQuestion(&p, id, wants[id])
		if choice, ok := q.choose(); ok {
			out.Choices = append(out.Choices, choice)
			continue
		}
		conflict.Plugins = append(conflict.Plugins, q.explain())
	}
	if conflict.Plugins != nil {
		return Solution{}, &conflict
	}
	return out, nil
}

// want is a Want that was read.
type want struct {
	Want
	constraints version.Constraints
}

// group reads the wants and sorts them by plugin; those of one plugin stay in
// their order.
func group(wants []Want) (map[string][]want, error) {
	out := map[string][]want{}
	for _, w := range wants {
		read, err := parseWant(w)
		if err != nil {
			return nil, &WantError{Want: w, Reason: err.Error()}
		}
		out[w.ID] = append(out[w.ID], read)
	}
	return out, nil
}

func parseWant(w Want) (want, error) {
	if _, err := release.ParseID(w.ID); err != nil {
		return want{}, err
	}
	if w.Pin != "" {
		if err := release.CheckVersion(w.Pin); err != nil {
			return want{}, fmt.Errorf("pin: %w", err)
		}
	}
	constraints, err := parseConstraint(w.Constraint)
	return want{Want: w, constraints: constraints}, err
}
