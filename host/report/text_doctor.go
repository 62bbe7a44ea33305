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
	p.waived(&d)
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

// compactCause writes the title of a root cause, the first way to mend it and
// where to read on.
func (p *page) compactCause(cause RootCause, f Finding) {
	p.short(f.Severity, f)
	more := "bulkhead explain " + f.Code
	if n := len(cause.Explains); n > 0 {
		more = fmt.Sprintf("explains %d more; %s", n, more)
	}
	if len(f.Remedies) > 0 {
		p.line(9, "Fix: "+f.Remedies[0].Summary)
	}
	p.line(9, more)
}

// short writes a finding on one line: a word, its title and its subject. A
// subject that has no room there stands below, its end whole, since the end
// tells paths apart.
func (p *page) short(word string, f Finding) {
	title, subject := p.clean(f.Title), p.clean(f.Subject)
	room := p.width - 9
	if columns(titled(title, subject)) <= room {
		title, subject = titled(title, subject), ""
	}
	p.raw(p.mark(word, 7) + "  " + cut(title, room))
	if subject != "" {
		p.raw(strings.Repeat(" ", 9) + "At: " + cutMiddle(subject, room-4))
	}
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
	few(p, d.alone(Unknown), func(f Finding) { p.short(Unknown, f) })
}

// waived lists what the user accepts for a time, so that it is not forgotten.
func (p *page) waived(d *Doctor) {
	if p.opt.Verbose {
		return
	}
	few(p, d.waived(), func(f Finding) {
		p.short(waivedMark, f)
		p.prose(9, CleanLine(f.Waived.String()))
	})
}

// few writes the first items of a list, a blank line after them, and counts the
// others.
func few[T any](p *page, items []T, write func(T)) {
	for _, item := range items[:min(len(items), maxNotes)] {
		write(item)
	}
	if more := len(items) - maxNotes; more > 0 {
		p.line(9, fmt.Sprintf("and %d more with -v", more))
	}
	if len(items) > 0 {
		p.blank()
	}
}

// doctorSummary counts, and names the next command to type.
func (p *page) doctorSummary(d *Doctor) {
	s := d.Summary
	found, done := counts(s)+".", fmt.Sprintf("%s run, %d skipped, %s.", plural(s.ChecksRun, "check"), s.ChecksSkipped, duration(d.DurationMS))
	if columns(found)+1+columns(done) > p.width {
		found, done = found+"\n"+done, ""
	}
	p.prose(0, found+" "+done)
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
	if s.Waived > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", s.Waived))
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
