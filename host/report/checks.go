// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strings"
)

// CheckResult says what became of one check.
type CheckResult struct {
	Code string `json:"code"`
	// Area of the report that the check belongs to.
	Area string `json:"area"`
	// Title is the fault that the check looks for, in a few words.
	Title string `json:"title,omitempty"`
	// Status is one of the constants below.
	Status string `json:"status"`
	// Plugin that has the check; empty for a policy of the host.
	Plugin string `json:"plugin,omitempty"`
}

// Statuses of a check. One that was skipped is Skipped, and its reason stands
// in Doctor.Skipped.
const (
	// CheckPassed ran and found nothing.
	CheckPassed = "passed"
	// CheckFound ran and reported findings, of whatever severity.
	CheckFound = "found"
	// CheckCrashed began and did not end: its fault may be there or not.
	CheckCrashed = "crashed"
)

// Waiver is the user's word that a finding is accepted until a day.
type Waiver struct {
	// Name of the waiver in the configuration.
	Name string `json:"name,omitempty"`
	// Until is the last day of the waiver, YYYY-MM-DD.
	Until string `json:"until"`
	// Reason is what the user wrote.
	Reason string `json:"reason"`
	// By is who accepts it; possibly empty.
	By string `json:"by,omitempty"`
}

// String is the waiver in words: "waived by ada until 2027-01-31: reason".
func (w Waiver) String() string {
	s := "waived"
	if w.By != "" {
		s += " by " + w.By
	}
	if w.Until != "" {
		s += " until " + w.Until
	}
	if w.Reason != "" {
		s += ": " + w.Reason
	}
	return s
}

// checks are the results of the checks that are known: Doctor.Checks, and
// without it those that left a trace in the report.
func (d *Doctor) checks() []CheckResult {
	if len(d.Checks) > 0 {
		return d.Checks
	}
	seen := map[string]bool{}
	var out []CheckResult
	add := func(c CheckResult) {
		if !seen[c.Code] {
			seen[c.Code] = true
			out = append(out, c)
		}
	}
	for _, f := range d.Findings {
		add(CheckResult{Code: f.Code, Area: f.Area, Title: f.Title, Status: CheckFound, Plugin: f.Plugin})
	}
	for _, s := range d.Skipped {
		add(CheckResult{Code: s.Code, Area: areaOfCode(s.Code), Status: Skipped})
	}
	slices.SortStableFunc(out, func(a, b CheckResult) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// areaOfCode is the first word of a code, which names the area of most checks.
func areaOfCode(code string) string {
	area, _, _ := strings.Cut(code, ".")
	return area
}
