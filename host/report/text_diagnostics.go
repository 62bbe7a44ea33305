// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the failure for a person.
func (f Failure) WriteText(w io.Writer, opt Options) error {
	p := newPage(opt)
	p.errorInfo(f.Error)
	return p.flush(w, "the failure")
}

func (p *page) errorInfo(e ErrorInfo) {
	p.message(Diagnostic{Severity: Error, Summary: e.Summary, Detail: e.Detail})
	for _, d := range e.Diagnostics {
		p.blank()
		p.message(d)
	}
}

// notes writes diagnostics: with Verbose in full, otherwise errors and
// warnings on one line each.
func (p *page) notes(ds []Diagnostic) {
	if p.opt.Verbose || p.opt.Debug {
		for _, d := range ds {
			p.message(d)
			p.blank()
		}
		return
	}
	few(p, weighty(ds), p.note)
}

func (p *page) note(d Diagnostic) {
	text := d.Summary
	if d.Plugin != "" {
		text = "plugin " + d.Plugin + ": " + text
	}
	p.raw(p.mark(d.Severity, 7) + "  " + cut(p.clean(text), p.width-9))
	if d.Severity == Error && d.Detail != "" {
		p.shortened(d.Detail)
	}
}

// maxDetail is how many lines of an error's reason are shown without -v.
const maxDetail = 4

// shortened writes the beginning of a reason.
func (p *page) shortened(detail string) {
	lines := wrap(p.clean(detail), p.width-9)
	for i, line := range lines {
		if i == maxDetail {
			p.line(9, "... and more with -v")
			return
		}
		p.line(9, line)
	}
}

// message writes one diagnostic in full, with the user's line underlined.
func (p *page) message(d Diagnostic) {
	word, color := markOf(d.Severity)
	text := d.Summary
	if d.Plugin != "" {
		text += " (plugin " + d.Plugin + ")"
	}
	label := word + ": "
	for i, line := range wrap(p.clean(text), p.width-len(label)) {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		p.raw(p.paint(color, label) + line)
	}
	p.source(d)
	if d.Detail != "" {
		p.prose(2, d.Detail)
	}
	if p.opt.Debug && d.Debug != "" {
		p.trace(d.Debug)
	}
}

// source writes the place and the snippet of a diagnostic.
func (p *page) source(d Diagnostic) {
	if d.Range != nil {
		p.line(2, fmt.Sprintf("on %s line %d", d.Range.File, d.Range.Start.Line))
	}
	s := d.Snippet
	if s == nil || d.Range == nil {
		return
	}
	gutter := fmt.Sprintf("%4d | ", d.Range.Start.Line)
	code := p.encodable(strings.ReplaceAll(Clean(s.Code), "\n", " "))
	room := p.width - len(gutter)
	p.raw(gutter + cut(code, room))
	before, marked := underline(code, *s)
	if before < room {
		p.raw(strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", before) + p.paint(red, strings.Repeat("^", min(marked, room-before))))
	}
}

// underline turns a stretch counted in runes into columns.
func underline(code string, s Snippet) (before, marked int) {
	runes := []rune(code)
	start := min(max(s.Start, 0), len(runes))
	end := min(start+max(s.Length, 0), len(runes))
	return columns(string(runes[:start])), max(columns(string(runes[start:end])), 1)
}

// trace writes a stack trace as it is, cleaned and cut to the width.
func (p *page) trace(stack string) {
	for line := range strings.SplitSeq(strings.TrimRight(Clean(stack), "\n"), "\n") {
		p.raw("  | " + cut(p.encodable(line), p.width-4))
	}
}
