// SPDX-License-Identifier: Apache-2.0

package report

// group is a list of findings that stand alone and are no root causes.
type group struct {
	Title    string
	Findings []Finding
}

// lesserGroups are the findings that a report shows folded.
func (d *Doctor) lesserGroups() (out []group) {
	for _, g := range []struct {
		title string
		in    func(Finding) bool
	}{
		{"Unknown", func(f Finding) bool { return f.Severity == Unknown && f.Waived == nil && f.RootCause == "" }},
		{"Worth knowing", func(f Finding) bool { return f.Severity == Info && f.Waived == nil && f.RootCause == "" }},
		{"Waived", func(f Finding) bool { return f.Waived != nil }},
	} {
		var found []Finding
		for _, f := range d.Findings {
			if g.in(f) {
				found = append(found, f)
			}
		}
		if len(found) > 0 {
			out = append(out, group{g.title, found})
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
