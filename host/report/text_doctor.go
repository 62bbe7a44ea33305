// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// How much of a diagnosis the terse text shows.
const (
	maxFull    = 3 // root causes that are errors, in full
	maxCompact = 8 // further root causes, two lines each
	maxNotes   = 5 // diagnostics, and findings of severity unknown
)

// WriteText writes the diagnosis for a person.
func (d Doctor) WriteText(w io.Writer, opt Options) error {
	p := newPage(opt)
	p.doctorTitle(&d)
	p.areas(d.Areas)
	p.rootCauses(&d)
	p.unknowns(&d)
	if opt.Verbose {
		p.everything(&d)
	}
	p.notes(d.Diagnostics)
	p.doctorSummary(&d)
	return p.flush(w, "the diagnosis")
}

func (p *page) doctorTitle(d *Doctor) {
	p.heading(fmt.Sprintf("Bulkhead %s: diagnosis of %s", d.Tool.Version, d.Target))
	p.blank()
}

// String names the target in a sentence.
func (t Target) String() string {
	switch {
	case t.Kind == TargetMachine || t.Path == "":
		return "this machine"
	case t.Kind == TargetSnapshot:
		return "the snapshot " + t.Path
	}
	return t.Path
}

// areas writes one line for each area.
func (p *page) areas(areas []Area) {
	name := len("area")
	for _, a := range areas {
		name = min(max(name, columns(p.clean(a.Name))), 16)
	}
	const status = len("unknown")
	for _, a := range areas {
		left := "  " + pad(cut(p.clean(a.Name), name), name) + "  "
		rest := p.width - columns(left) - status - 2
		p.raw(left + p.mark(a.Status, status) + "  " + cut(p.clean(a.Headline), rest))
	}
	if len(areas) > 0 {
		p.blank()
	}
}

// rootCauses writes the first error in full, then what else is wrong, each in
// as many lines as it deserves.
func (p *page) rootCauses(d *Doctor) {
	compact := 0
	for i, cause := range d.RootCauses {
		f, ok := d.finding(cause.ID)
		if !ok {
			continue
		}
		full := i == 0 || cause.Severity == Error && i < maxFull
		switch {
		case p.opt.Verbose || full:
			p.fullCause(d, cause, f, i == 0)
		case compact < maxCompact:
			p.compactCause(cause, f)
			compact++
		}
	}
	if hidden := len(d.RootCauses) - p.shown(d.RootCauses); hidden > 0 {
		p.line(0, fmt.Sprintf("and %d more with -v", hidden))
	}
	if compact > 0 {
		p.blank()
	}
}

// shown counts the root causes that rootCauses writes.
func (p *page) shown(causes []RootCause) int {
	if p.opt.Verbose {
		return len(causes)
	}
	full := 0
	for i, c := range causes {
		if i == 0 || c.Severity == Error && i < maxFull {
			full++
		}
	}
	return min(len(causes), full+maxCompact)
}

// compactCause writes the title of a root cause and where to read on.
func (p *page) compactCause(cause RootCause, f Finding) {
	title := titled(f.Title, f.Subject)
	p.raw(p.mark(f.Severity, 7) + "  " + cut(p.clean(title), p.width-9))
	more := "bulkhead explain " + f.Code
	if n := len(cause.Explains); n > 0 {
		more = fmt.Sprintf("explains %d more; %s", n, more)
	}
	p.line(9, more)
}

func titled(title, subject string) string {
	if subject == "" {
		return title
	}
	return title + " (" + subject + ")"
}

// unknowns lists what is newer than the tables: it is neither good nor bad and
// must not look like either.
func (p *page) unknowns(d *Doctor) {
	if p.opt.Verbose {
		return
	}
	left := maxNotes
	for _, f := range d.Findings {
		if f.Severity != Unknown || f.RootCause != "" {
			continue
		}
		if left--; left >= 0 {
			p.raw(p.mark(Unknown, 7) + "  " + cut(p.clean(titled(f.Title, f.Subject)), p.width-9))
		}
	}
	if left < 0 {
		p.line(9, fmt.Sprintf("and %d more with -v", -left))
	}
	if left < maxNotes {
		p.blank()
	}
}

// doctorSummary counts, and names the next command to type.
func (p *page) doctorSummary(d *Doctor) {
	s := d.Summary
	p.prose(0, fmt.Sprintf("%s. %s run, %d skipped, %s.", counts(s), plural(s.ChecksRun, "check"), s.ChecksSkipped, duration(d.DurationMS)))
	if s.TimedOut {
		p.prose(0, "The time ran out before every plugin had answered: this diagnosis is incomplete. Give it more with --timeout.")
	}
	if d.isPartial() && !s.TimedOut {
		p.prose(0, "The messages above say what could not be examined: this diagnosis is incomplete.")
	}
	if next := d.next(); next != "" && !p.opt.Verbose {
		p.raw("Next: " + p.paint(bold, p.clean(next)))
	}
}

// counts says what was found, gravest first: "1 error, 2 warnings".
func counts(s Summary) string {
	var parts []string
	if s.Errors > 0 {
		parts = append(parts, plural(s.Errors, "error"))
	}
	if s.Warnings > 0 {
		parts = append(parts, plural(s.Warnings, "warning"))
	}
	if len(parts) == 0 {
		parts = append(parts, "Nothing wrong was found")
	}
	if s.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", s.Unknown))
	}
	if s.Infos > 0 {
		parts = append(parts, plural(s.Infos, "note"))
	}
	return strings.Join(parts, ", ")
}

// isPartial reports whether an error kept a part of the machine from being
// examined.
func (d *Doctor) isPartial() bool {
	return slices.ContainsFunc(d.Diagnostics, func(diag Diagnostic) bool { return diag.Severity == Error })
}

// next is the command that brings the reader further.
func (d *Doctor) next() string {
	if len(d.RootCauses) > 0 {
		return "bulkhead explain " + d.RootCauses[0].Code
	}
	if d.Summary.Infos+d.Summary.Unknown+d.Summary.ChecksSkipped+len(d.Diagnostics) > 0 {
		return "bulkhead doctor -v"
	}
	return ""
}
