// SPDX-License-Identifier: Apache-2.0

package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Conflict names the plugins for which no release will do.
type Conflict struct {
	Plugins []Unsolved // in order of ID
}

// Unsolved is a plugin for which no release will do.
type Unsolved struct {
	ID string
	// Core is minimal: its reasons together rule out every release, and any one
	// less does not.
	Core []Reason
}

// Reason is one reason why releases are ruled out.
type Reason struct {
	Kind string // Platform, Protocol, ...
	From string // the place of the want; empty for a rule of the host
	Text string // in one line: "bulkhead.hcl:12 asks for ~> 2.0"
	// Without is the newest version that would do were it not for this reason.
	// Empty when others rule out everything too.
	Without string
}

// Error has a paragraph for each plugin.
func (e *Conflict) Error() string {
	var out []string
	for _, p := range e.Plugins {
		out = append(out, p.String())
	}
	return strings.Join(out, "\n")
}

// String lists the reasons and what can be done.
func (u Unsolved) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "no version of %s will do:\n", u.ID)
	for _, r := range u.Core {
		fmt.Fprintf(&out, "  %s\n", r)
	}
	return out.String() + "  " + u.remedy()
}

// String is the reason with what would do without it.
func (r Reason) String() string {
	if r.Without == "" {
		return r.Text
	}
	return fmt.Sprintf("%s; without that, %s would do", r.Text, r.Without)
}

// remedies are what can be done about reasons of some kinds.
var remedies = []struct {
	kinds []string
	text  string
}{
	{[]string{Unknown}, "check its name and that its registry is configured"},
	{[]string{Constraint, Pin}, "change what is asked for"},
	{[]string{Registry}, "name the registry to take it from"},
	{[]string{Prerelease}, "allow pre-releases"},
	{[]string{Protocol, Host}, "use a version of Bulkhead that fits"},
	{[]string{Platform}, "ask its publisher for this platform"},
	{[]string{Yanked}, "ask its publisher for a release in place of the yanked one"},
}

// remedy says which ways out there are: each reason is one.
func (u Unsolved) remedy() string {
	var out []string
	for _, r := range remedies {
		if slices.ContainsFunc(u.Core, func(reason Reason) bool { return slices.Contains(r.kinds, reason.Kind) }) {
			out = append(out, r.text)
		}
	}
	return "What helps: " + strings.Join(out, ", or ") + "."
}

// broken is which rules each candidate breaks.
type broken [][]bool

func (q *question) broken() broken {
	out := make(broken, len(q.candidates))
	for i, c := range q.candidates {
		out[i] = make([]bool, len(q.rules))
		for r := range q.rules {
			out[i][r] = !q.rules[r].holds(c)
		}
	}
	return out
}

// counts is how many of some rules each candidate breaks.
func (b broken) counts(rules []int) []int {
	out := make([]int, len(b))
	for i := range b {
		for _, r := range rules {
			if b[i][r] {
				out[i]++
			}
		}
	}
	return out
}

// core leaves out rules, from the last to the first, as long as every candidate
// still breaks one. What is left is minimal: a rule that had to stay when more
// rules were there has to stay when fewer are.
func (b broken) core(rules []int) []int {
	counts := b.counts(rules)
	var core []int
	for _, r := range slices.Backward(rules) {
		if only(b, counts, r) >= 0 {
			core = append(core, r)
			continue
		}
		for i := range b {
			if b[i][r] {
				counts[i]--
			}
		}
	}
	slices.Reverse(core)
	return core
}

// only is the first candidate that breaks a rule and no other counted one; -1
// when there is none.
func only(b broken, counts []int, rule int) int {
	for i := range b {
		if b[i][rule] && counts[i] == 1 {
			return i
		}
	}
	return -1
}

// explain finds the reasons why no release will do.
func (q *question) explain() Unsolved {
	if len(q.candidates) == 0 {
		return Unsolved{ID: q.id, Core: []Reason{q.unknown()}}
	}
	all := make([]int, len(q.rules))
	for i := range all {
		all[i] = i
	}
	b := q.broken()
	core := b.core(all)
	total, within := b.counts(all), b.counts(core)
	out := Unsolved{ID: q.id}
	for _, r := range core {
		reason := Reason{Kind: q.rules[r].kind, From: q.rules[r].from}
		// By minimality some candidate breaks this rule alone of the core.
		reason.Text = q.rules[r].because(q.candidates[only(b, within, r)])
		if i := only(b, total, r); i >= 0 {
			reason.Without = q.candidates[i].Version
		}
		out.Core = append(out.Core, reason)
	}
	return out
}

func (q *question) unknown() Reason {
	return Reason{Kind: Unknown, From: q.wants[0].From, Text: fmt.Sprintf("no registry has it, and %s asks for it", place(&q.wants[0]))}
}

// why explains a choice that is not the newest or not the locked one.
func (q *question) why(chosen, usable *candidate) []string {
	var out []string
	say := func(text string) {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, c := range []*candidate{q.newestAsked(), q.newestOffered(), usable} {
		if c != nil && release.Compare(c.Version, chosen.Version) > 0 {
			say(c.Version + " is newer" + q.beside(c, chosen))
		}
	}
	if q.locked != "" && q.locked != chosen.Version && !q.upgrades() {
		say(q.locked + " is locked" + q.lockGone())
	}
	if chosen.Yanked != nil {
		say(chosen.Version + " was yanked" + reasonOf(chosen) + "; it stays because it is locked, until a version constraint such as \"!= " + chosen.Version + "\" leaves it out")
	}
	return out
}

// newestAsked is the newest without pre-releases that nobody asked for.
func (q *question) newestAsked() *candidate {
	for _, c := range q.candidates {
		if q.askedFor(c) {
			return c
		}
	}
	return nil
}

// beside says why a newer release was not chosen.
func (q *question) beside(c, chosen *candidate) string {
	for i := range q.rules {
		if !q.rules[i].holds(c) {
			return q.rules[i].beside(c)
		}
	}
	return fmt.Sprintf(" and would do; the lock file keeps %s until an upgrade is asked for", chosen.Version)
}

// lockGone says why the locked version did not stay.
func (q *question) lockGone() string {
	c := q.lockedOne()
	if c == nil {
		return ", and no registry has it any more"
	}
	return q.beside(c, c)
}

// reasonOf is why a release was yanked, after a colon. It was written by others,
// so that a terminal must not obey it.
func reasonOf(c *candidate) string {
	const most = 200
	if c.Yanked.Validate() != nil {
		return ""
	}
	text := strings.TrimSpace(c.Yanked.Reason)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return ": " + text
}
