// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"path"
	"slices"
	"strings"
)

// Options choose what of the contract is run, and how.
type Options struct {
	// Seed of every random choice of the suite, and the one that kernels are
	// given; 0 is 1.
	Seed uint64
	// Only are names of cases to run, groups ("kernel") or patterns as of
	// path.Match ("kernel/hostile-*", "fixture/*"); none runs all.
	Only []string
	// Fixtures is the directory whose *.json are run as fixtures; "" has none.
	Fixtures string
}

// Rule is one rule of the contract, for lists.
type Rule struct {
	Name string `json:"name"`
	// Summary says in one sentence what a plugin does that keeps it.
	Summary string `json:"summary"`
}

// Rules lists the rules that the options choose, in the order in which they run,
// with a fixture each for the files of Options.Fixtures.
func Rules(o Options) []Rule {
	var out []Rule
	for _, r := range o.rules() {
		out = append(out, Rule{r.name, r.doc})
	}
	return out
}

// Unmatched returns the entries of Options.Only that choose nothing: a name with
// a typing error would otherwise pass in silence.
func Unmatched(o Options) []string {
	all := Options{Fixtures: o.Fixtures}.rules()
	var out []string
	for _, only := range o.Only {
		if !slices.ContainsFunc(all, func(r rule) bool { return chosen(only, r.name) }) {
			out = append(out, only)
		}
	}
	return out
}

// rules are those that the options choose.
func (o Options) rules() []rule {
	all := slices.Concat(describeRules, collectRules, checkRules, kernelRules, hostileRules, lifeRules, leakRules, fixtureRules(o.Fixtures))
	if len(o.Only) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(r rule) bool {
		return !slices.ContainsFunc(o.Only, func(only string) bool { return chosen(only, r.name) })
	})
}

// chosen reports whether an entry of Options.Only means a name.
func chosen(only, name string) bool {
	match, _ := path.Match(only, name) // a malformed pattern chooses nothing
	return match || strings.HasPrefix(name, strings.TrimSuffix(only, "/")+"/")
}
