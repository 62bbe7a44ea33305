// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// judge compares what a tool said with what is known.
func judge(m *Machine, a answer) MachineResult {
	r := MachineResult{
		Name: m.Name, Distribution: m.Expect.Distribution, Healthy: m.Expect.Healthy, Error: a.failure,
		Expected: len(m.Expect.Findings), Missed: []Missed{}, FalseAlarms: []Alarm{},
	}
	if m.Expect.RootCause != "" {
		r.RootCause = &Cause{Expected: m.Expect.RootCause}
	}
	switch {
	case a.failure != "":
		r.nothing(m)
	case a.said != nil:
		r.document(m, a.said)
	default:
		r.text(m, a)
	}
	return r
}

// nothing judges a tool that gave no answer.
func (r *MachineResult) nothing(m *Machine) {
	for _, f := range m.Expect.Findings {
		r.Missed = append(r.Missed, Missed{Finding: f, Said: "the tool gave no answer"})
	}
	if m.Expect.Healthy {
		r.FalseAlarms = append(r.FalseAlarms, Alarm{Title: "the tool gave no answer"})
	}
}

// document judges a report.
func (r *MachineResult) document(m *Machine, d *document) {
	expected := make([]bool, len(d.Findings)) // of what was said
	for _, f := range m.Expect.Findings {
		found := false
		for i, got := range d.Findings {
			if f.matches(got) {
				found, expected[i] = true, true
			}
		}
		if !found {
			r.Missed = append(r.Missed, Missed{Finding: f, Said: nearest(f, d)})
		}
	}
	for i, got := range d.Findings {
		if !expected[i] && (got.Severity == report.Error || got.Severity == report.Warning) && !m.Expect.allowed(got.Code) {
			r.FalseAlarms = append(r.FalseAlarms, Alarm{Code: got.Code, Severity: got.Severity, Subject: got.Subject, Title: got.Title})
		}
	}
	if r.RootCause != nil {
		r.RootCause.First = first(d)
		r.RootCause.Right = r.RootCause.First == r.RootCause.Expected
	}
}

// first is the code that a report opens with.
func first(d *document) string {
	switch {
	case len(d.RootCauses) > 0:
		return d.RootCauses[0].Code
	case d.RootCauses == nil && len(d.Findings) > 0:
		return d.Findings[0].Code
	}
	return ""
}

// nearest tells why no finding is the expected one.
func nearest(f Finding, d *document) string {
	var said []string
	for _, got := range d.Findings {
		if got.Code != f.Code {
			said = append(said, got.Code)
			continue
		}
		if f.Severity != "" && f.Severity != got.Severity {
			return fmt.Sprintf("said it as %s: %s", got.Severity, got.Title)
		}
		return fmt.Sprintf("said of %q: %s %s", got.Subject, got.Title, got.Detail)
	}
	if len(said) == 0 {
		return "said nothing"
	}
	return "said " + strings.Join(slices.Compact(said), ", ")
}

// text judges any other output.
func (r *MachineResult) text(m *Machine, a answer) {
	for _, f := range m.Expect.Findings {
		if !strings.Contains(a.text, f.Code) && !f.in(a.text) {
			r.Missed = append(r.Missed, Missed{Finding: f, Said: "its text has not these words"})
		}
	}
	line := alarm(a.text)
	if m.Expect.Healthy && (a.code != 0 || line != "") {
		r.FalseAlarms = append(r.FalseAlarms, Alarm{Title: strings.TrimSpace(fmt.Sprintf("exit code %d. %s", a.code, line))})
	}
	if r.RootCause != nil {
		r.RootCause.First = firstInText(m.Expect, a.text)
		r.RootCause.Right = r.RootCause.First == r.RootCause.Expected
	}
}

// firstInText is the code of the expected finding that a text names on its
// first line that names one. Of several on one line the root cause counts.
func firstInText(e Expect, text string) string {
	seen := ""
	for line := range strings.Lines(text) {
		seen += line
		named := ""
		for _, f := range e.Findings {
			if !strings.Contains(seen, f.Code) && !f.in(seen) {
				continue
			}
			if f.Code == e.RootCause {
				return f.Code
			}
			named = cmpOr(named, f.Code)
		}
		if named != "" {
			return named
		}
	}
	return ""
}
