// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// requirement is what a check asks of a requirement on a command line.
type requirement struct {
	// name in normalized form (PEP 503).
	name   string
	extras map[string]bool
	// pinned is the version of "==", without a local label; "" for none.
	pinned string
	// local is the label, such as cu121.
	local string
	// below is true where newer releases are excluded: <2, <=2.0, ~=2.0, ==2.0.*.
	below bool
}

var (
	requirementText = pattern.Lazy(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([A-Za-z0-9._,\s-]*)\])?\s*(?:(==|>=|<=|~=|!=|<|>|===)\s*([A-Za-z0-9.*+!_-]+))?`)
	separators      = pattern.Lazy(`[-_.]+`)
)

// normalized spells a name as PEP 503 does.
func normalized(name string) string { return strings.ToLower(separators().ReplaceAllString(name, "-")) }

// parseRequirement reads "name[extra]==1.2"; false for a path, an address or a
// variable.
func parseRequirement(text string) (requirement, bool) {
	m := requirementText().FindStringSubmatch(text)
	if m == nil || strings.ContainsAny(text, "/$@\\") {
		return requirement{}, false
	}
	specifiers := text[len(m[1]):]
	r := requirement{name: normalized(m[1]), extras: map[string]bool{}, below: strings.Contains(specifiers, "<") || strings.Contains(specifiers, "~=") || strings.Contains(specifiers, "*")}
	for extra := range strings.SplitSeq(m[2], ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			r.extras[normalized(extra)] = true
		}
	}
	if m[3] == "==" && !strings.Contains(m[4], "*") {
		r.pinned, r.local, _ = strings.Cut(m[4], "+")
	}
	return r, true
}
