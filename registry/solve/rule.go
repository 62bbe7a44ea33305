// SPDX-License-Identifier: Apache-2.0

package solve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Kinds of reasons.
const (
	Unknown    = "unknown"    // no registry has the plugin
	Platform   = "platform"   // nothing for this platform
	Protocol   = "protocol"   // no major of the protocol in common
	Host       = "host"       // the host is too old
	Registry   = "registry"   // from another registry, or nobody said from which
	Pin        = "pin"        // a want pins another version
	Constraint = "constraint" // a want's constraints do not admit it
	Yanked     = "yanked"     // it was yanked
	Prerelease = "prerelease" // a want asks for no pre-releases
)

// rule is one thing that a release must obey.
type rule struct {
	kind  string
	from  string // the place of the want, empty for the host's own
	holds func(*candidate) bool
	// because says why a release that breaks the rule is ruled out.
	because func(*candidate) string
	// beside continues "1.4.0 is newer" with why it was not chosen.
	beside func(*candidate) string
}

// allRules are the rules of one plugin, those that nobody can change first: when
// several sets of reasons would do as an explanation, those of the front are in it.
func (q *question) allRules() []rule {
	rules := []rule{q.platformRule(), q.protocolRule(), q.hostRule()}
	rules = append(rules, q.registryRules()...)
	for i := range q.wants {
		if w := &q.wants[i]; w.Pin != "" {
			rules = append(rules, pinRule(w))
		}
	}
	for i := range q.wants {
		if w := &q.wants[i]; w.constraints != nil {
			rules = append(rules, constraintRule(w))
		}
	}
	rules = append(rules, q.yankedRule())
	for i := range q.wants {
		rules = append(rules, prereleaseRule(&q.wants[i]))
	}
	return rules
}

func (q *question) platformRule() rule {
	platform := q.problem.Platform
	return rule{
		kind:  Platform,
		holds: func(c *candidate) bool { _, _, ok := c.For(platform); return ok },
		because: func(c *candidate) string {
			return fmt.Sprintf("%s has nothing for %s, only for %s", c.Version, platform, strings.Join(slices.Sorted(maps.Keys(c.Platforms)), ", "))
		},
		beside: func(*candidate) string { return " and has nothing for " + platform },
	}
}

func (q *question) protocolRule() rule {
	ours := q.problem.Protocols
	return rule{
		kind: Protocol,
		holds: func(c *candidate) bool {
			return slices.ContainsFunc(c.Protocols, func(n int) bool { return slices.Contains(ours, n) })
		},
		because: func(c *candidate) string {
			return fmt.Sprintf("%s needs protocol %s and this host speaks %s", c.Version, numbers(c.Protocols, "or"), numbers(ours, "and"))
		},
		beside: func(c *candidate) string {
			return fmt.Sprintf(" and needs protocol %s; this host speaks %s", numbers(c.Protocols, "or"), numbers(ours, "and"))
		},
	}
}

func (q *question) hostRule() rule {
	host := q.problem.Host
	return rule{
		kind: Host,
		holds: func(c *candidate) bool {
			return host == "" || c.MinHost == "" || release.Compare(host, c.MinHost) >= 0
		},
		because: func(c *candidate) string {
			return fmt.Sprintf("%s needs Bulkhead %s and this is %s", c.Version, c.MinHost, host)
		},
		beside: func(c *candidate) string { return fmt.Sprintf(" and needs Bulkhead %s; this is %s", c.MinHost, host) },
	}
}

// registryRules are those of wants that name a registry. When none does and
// several registries have the plugin, no release will do: whoever can publish in
// one of them could otherwise take the place of another's plugin.
func (q *question) registryRules() []rule {
	var rules []rule
	for i := range q.wants {
		if w := &q.wants[i]; w.Registry != "" {
			rules = append(rules, registryRule(w))
		}
	}
	names := map[string]bool{}
	for _, c := range q.candidates {
		names[c.Registry] = true
	}
	if rules != nil || len(names) < 2 {
		return rules
	}
	text := fmt.Sprintf("the registries %s have it, and nothing says from which one to take it", strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	return []rule{{
		kind:    Registry,
		holds:   func(*candidate) bool { return false },
		because: func(*candidate) string { return text },
		beside:  func(*candidate) string { return "; " + text },
	}}
}

func registryRule(w *want) rule {
	text := fmt.Sprintf("%s takes it from registry %q", place(w), w.Registry)
	return rule{
		kind: Registry, from: w.From,
		holds:   func(c *candidate) bool { return c.Registry == w.Registry },
		because: func(*candidate) string { return text },
		beside:  func(c *candidate) string { return fmt.Sprintf(" and in registry %q; %s", c.Registry, text) },
	}
}

func pinRule(w *want) rule {
	text := "pinned to " + w.Pin
	return rule{
		kind: Pin, from: w.From,
		holds:   func(c *candidate) bool { return c.Version == w.Pin },
		because: func(*candidate) string { return text },
		beside:  func(*candidate) string { return "; " + text },
	}
}

func constraintRule(w *want) rule {
	text := fmt.Sprintf("%s asks for %s", place(w), strings.Join(strings.Fields(w.Constraint), " "))
	return rule{
		kind: Constraint, from: w.From,
		holds:   func(c *candidate) bool { return admits(w.constraints, c.parsed()) },
		because: func(*candidate) string { return text },
		beside:  func(*candidate) string { return "; " + text },
	}
}

func (q *question) yankedRule() rule {
	return rule{
		kind:    Yanked,
		holds:   func(c *candidate) bool { return c.Yanked == nil || c.Version == q.locked },
		because: func(c *candidate) string { return c.Version + " was yanked" + reasonOf(c) },
		beside:  func(c *candidate) string { return " and was yanked" + reasonOf(c) },
	}
}

func prereleaseRule(w *want) rule {
	return rule{
		kind: Prerelease, from: w.From,
		holds: w.asksFor,
		because: func(c *candidate) string {
			return fmt.Sprintf("%s is a pre-release, and %s does not ask for those", c.Version, place(w))
		},
		beside: func(*candidate) string { return fmt.Sprintf(" and a pre-release; %s does not ask for those", place(w)) },
	}
}

// place is where a want stands.
func place(w *want) string { return cmp.Or(w.From, "a want") }

// numbers lists numbers in words: "1, 2 and 3".
func numbers(list []int, last string) string {
	var out strings.Builder
	for i, n := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			out.WriteString(" " + last + " ")
		default:
			out.WriteString(", ")
		}
		fmt.Fprint(&out, n)
	}
	return cmp.Or(out.String(), "none")
}
