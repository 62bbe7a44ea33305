// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// PolicyArea is the area of the findings of policies.
const PolicyArea = "policy"

// Require is a policy that the user wrote.
type Require interface {
	// Name is the label of the block.
	Name() string
	// Evaluate holds the policy against the facts. It returns the message and
	// the severity of the finding when ok is false; the addresses of facts that
	// it needs and that are absent or unknown; and an error when the condition
	// cannot be computed.
	Evaluate(facts fact.Set) (ok bool, message string, severity check.Severity, missing []string, err error)
}

// policies evaluates the requires that are selected.
func (c *Checked) policies(facts fact.Set, s Selection) {
	for _, code := range slices.Sorted(maps.Keys(s.Skips)) {
		if name, ok := strings.CutPrefix(code, "require."); ok && !slices.ContainsFunc(s.Requires, func(r Require) bool { return r.Name() == name }) {
			c.areas[code] = PolicyArea
			c.skip(code, s.Skips)
		}
	}
	for _, r := range s.Requires {
		code := "require." + r.Name()
		c.areas[code], c.titles[code] = PolicyArea, fmt.Sprintf("The policy %s does not hold", r.Name())
		if c.skip(code, s.Skips) {
			continue
		}
		c.Ran++
		if f, found := judge(r, facts); found {
			f.Code, f.Area = code, PolicyArea
			if set, ok := s.Severity[code]; ok && f.Severity != report.Unknown {
				f.Severity = set.String()
			}
			c.Findings = append(c.Findings, f)
		}
	}
}

// judge evaluates one policy.
func judge(r Require, facts fact.Set) (f report.Finding, found bool) {
	ok, message, severity, missing, err := r.Evaluate(facts)
	f = report.Finding{Confidence: 1, Severity: report.Unknown}
	switch {
	case len(missing) > 0:
		f.Title = fmt.Sprintf("The policy %s cannot be judged", r.Name())
		f.Detail = absent(facts, missing)
	case err != nil:
		f.Title = fmt.Sprintf("The policy %s cannot be judged", r.Name())
		f.Detail = "Its condition cannot be computed: " + report.Clean(err.Error())
	case ok:
		return f, false
	default:
		f.Severity = severity.String()
		f.Title, f.Detail = worded(r.Name(), report.Clean(message))
	}
	return f, true
}

// maxTitle is the longest message that serves as a title, in bytes.
const maxTitle = 120

// worded makes the user's message the title where it is one short line.
func worded(name, message string) (title, detail string) {
	broken := fmt.Sprintf("The policy %s does not hold", name)
	short := strings.TrimSuffix(strings.TrimSpace(message), ".")
	if short == "" || len(short) > maxTitle || strings.Contains(short, "\n") {
		return broken, message
	}
	return short, broken + "."
}

// absent says which facts a policy lacks, and why.
func absent(facts fact.Set, missing []string) string {
	var parts []string
	for _, address := range missing {
		if f, ok := facts.Lookup(address); ok && f.Unknown != "" {
			parts = append(parts, fmt.Sprintf("The fact %s is unknown: %s.", address, f.Unknown))
			continue
		}
		parts = append(parts, fmt.Sprintf("The fact %s was not observed.", address))
	}
	return report.Clean(strings.Join(parts, " "))
}
