// SPDX-License-Identifier: Apache-2.0

package report

import "slices"

// group is a list of findings that stand alone and are no root causes.
type group struct {
	Title    string
	Findings []Finding
}

// lesserGroups are the findings that a report shows folded.
func (d *Doctor) lesserGroups() []group {
	all := []group{{"Unknown", d.alone(Unknown)}, {"Worth knowing", d.alone(Info)}, {"Waived", d.waived()}}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.Findings) == 0 })
}

// alone are the findings of a severity that are neither waived nor folded under
// a root cause.
func (d *Doctor) alone(severity string) []Finding {
	return kept(d.Findings, func(f Finding) bool { return f.Severity == severity && f.Waived == nil && f.RootCause == "" })
}

// waived are the findings that the user accepts for a time.
func (d *Doctor) waived() []Finding {
	return kept(d.Findings, func(f Finding) bool { return f.Waived != nil })
}

// weighty are the diagnostics that a reader must see.
func weighty(ds []Diagnostic) []Diagnostic {
	return kept(ds, func(d Diagnostic) bool { return d.Severity != Info })
}

// kept are the items of a list for which keep is true.
func kept[T any](list []T, keep func(T) bool) (out []T) {
	for _, x := range list {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// incompleteReason says why a diagnosis is not the whole truth; empty when it
// is.
func incompleteReason(d *Doctor) string {
	switch {
	case d.Summary.TimedOut:
		return "The time ran out before every plugin had answered. Give it more with --timeout."
	case d.isPartial():
		return "The messages of severity error say what could not be examined."
	}
	return ""
}
