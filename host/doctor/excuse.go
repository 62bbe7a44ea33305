// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// Excuse leaves out the findings of a code about some subjects.
type Excuse struct {
	// Subject is a pattern in which "*" stands for any text and "?" for one
	// character.
	Subject string
	Reason  string
}

// Waiver accepts findings until a day. They stand in the report, with the
// waiver, and count for nothing.
type Waiver struct {
	Name string
	// Codes that it is about, each exact or "group.*".
	Codes []string
	// Subject is a pattern as in Excuse; empty matches all.
	Subject    string
	Reason, By string
	// Until is the last day, at its first moment in UTC.
	Until time.Time
	// At is where the user wrote it: "bulkhead.hcl:3,1".
	At string
}

// WaiverNotice is how long before its end a waiver is spoken of.
const WaiverNotice = 14 * 24 * time.Hour

// end is the first moment at which the waiver no longer counts.
func (w Waiver) end() time.Time { return w.Until.AddDate(0, 0, 1) }

func (w Waiver) covers(f report.Finding) bool {
	return (w.Subject == "" || likePattern(w.Subject, f.Subject)) &&
		slices.ContainsFunc(w.Codes, func(pattern string) bool { return matches(pattern, f.Code) })
}

// likePattern matches a text with a pattern of "*" and "?". It walks both once
// and goes back to the last "*" only.
func likePattern(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	i, star, mark := 0, -1, 0
	for j := 0; j < len(t); {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// excuse moves the findings that the user does not want to the skipped.
func (c *Checked) excuse(excused map[string][]Excuse) {
	c.Findings = slices.DeleteFunc(c.Findings, func(f report.Finding) bool {
		for _, e := range excused[f.Code] {
			if likePattern(e.Subject, f.Subject) {
				c.Skipped = append(c.Skipped, report.Skip{Code: f.Code, Subject: f.Subject, Reason: report.CleanLine(e.Reason)})
				return true
			}
		}
		return false
	})
}

// Waive marks the findings that a waiver covers at the time now, and tells of
// waivers that have expired, will soon, or are no longer needed. Of several, the
// one that ends last counts.
func (c *Checked) Waive(waivers []Waiver, now time.Time) {
	waivers = slices.Clone(waivers)
	slices.SortStableFunc(waivers, func(a, b Waiver) int { return b.Until.Compare(a.Until) })
	used := make([]int, len(waivers))
	for i := range c.Findings {
		f := &c.Findings[i]
		for j, w := range waivers {
			if !w.covers(*f) {
				continue
			}
			used[j]++
			if f.Waived == nil && now.Before(w.end()) {
				f.Waived = w.mark()
			}
		}
	}
	for j, w := range waivers {
		if d, ok := w.notice(used[j], c.judged(w), now); ok {
			c.Diagnostics = append(c.Diagnostics, d)
		}
	}
	c.sort()
}

func (w Waiver) mark() *report.Waiver {
	return &report.Waiver{Name: w.Name, Reason: report.CleanLine(w.Reason), By: report.CleanLine(w.By), Until: w.Until.Format(time.DateOnly)}
}

// judged reports whether a check that the waiver is about was run.
func (c *Checked) judged(w Waiver) bool {
	skipped := map[string]bool{}
	for _, s := range c.Skipped {
		skipped[s.Code] = skipped[s.Code] || s.Subject == ""
	}
	for code := range c.areas {
		if !skipped[code] && slices.ContainsFunc(w.Codes, func(pattern string) bool { return matches(pattern, code) }) {
			return true
		}
	}
	return false
}

// notice is what is to say of a waiver that covers so many findings.
func (w Waiver) notice(findings int, judged bool, now time.Time) (d report.Diagnostic, ok bool) {
	day := w.Until.Format(time.DateOnly)
	d.Severity = report.Info
	switch {
	case findings == 0 && judged:
		d.Summary = fmt.Sprintf("Waiver %q covers nothing", w.Name)
		d.Detail = fmt.Sprintf("No finding needs it any more. Remove it%s.", w.place())
	case findings == 0:
		return d, false
	case !now.Before(w.end()):
		d.Severity = report.Warning
		d.Summary = fmt.Sprintf("Waiver %q has expired", w.Name)
		d.Detail = fmt.Sprintf("It accepted %s until %s (%s), and they count again. Mend them, or give it another day%s.",
			counted(findings), day, report.CleanLine(w.Reason), w.place())
	case !now.Before(w.end().Add(-WaiverNotice)):
		d.Summary = fmt.Sprintf("Waiver %q expires soon", w.Name)
		d.Detail = fmt.Sprintf("From the day after %s on, %s count%s again: %s.", day, counted(findings), map[bool]string{true: "s"}[findings == 1], report.CleanLine(w.Reason))
	default:
		return d, false
	}
	return d, true
}

func (w Waiver) place() string {
	if w.At == "" {
		return ""
	}
	return " at " + report.CleanLine(w.At)
}

func counted(findings int) string {
	if findings == 1 {
		return "a finding"
	}
	return fmt.Sprintf("%d findings", findings)
}

// weight is the gravity of a finding; a waived one has none.
func weight(f report.Finding) int {
	if f.Waived != nil {
		return 0
	}
	return gravity(f.Severity)
}

// worst is the gravest finding that counts.
func worst(findings []report.Finding) (report.Finding, bool) {
	counting := slices.DeleteFunc(slices.Clone(findings), func(f report.Finding) bool { return f.Waived != nil })
	if len(counting) == 0 {
		return report.Finding{}, false
	}
	return slices.MinFunc(counting, func(a, b report.Finding) int { return cmp.Compare(weight(b), weight(a)) }), true
}
