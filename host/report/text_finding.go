// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// How much of one finding the terse text shows.
const (
	maxEvidence = 4
	maxNames    = 3
	maxPreview  = 8
)

// fullCause writes a root cause with everything that a reader needs to act.
func (p *page) fullCause(d *Doctor, cause RootCause, f Finding, first bool) {
	p.causeTitle(causeLabel(first), f)
	p.finding(2, f)
	p.folded(d, cause)
	p.remedies(2, f)
	p.verify(2, f)
	if !first || p.opt.Verbose {
		p.line(2, "More: bulkhead explain "+f.Code)
	}
	p.blank()
}

func causeLabel(first bool) string {
	if first {
		return "Root cause"
	}
	return "Also"
}

func (p *page) causeTitle(label string, f Finding) {
	prefix := label + " (" + f.Severity + "): "
	_, color := markOf(f.Severity)
	for i, line := range wrap(p.clean(f.Title), p.width-len(prefix)) {
		if i > 0 {
			prefix = strings.Repeat(" ", len(prefix))
		}
		p.raw(p.paint(color, prefix) + p.paint(bold, line))
	}
}

// finding writes subject, detail, cause and evidence.
func (p *page) finding(indent int, f Finding) {
	if f.Subject != "" {
		p.hanging(indent, "At: ", f.Subject)
	}
	if f.Detail != "" {
		p.prose(indent, f.Detail)
	}
	if f.Cause != "" {
		p.hanging(indent, "Because: ", f.Cause)
	}
	if f.Confidence < 1 {
		p.line(indent, "Confidence: "+percent(f.Confidence))
	}
	p.evidence(indent, f.Evidence)
}

func (p *page) evidence(indent int, evidence []fact.Evidence) {
	shown := evidence
	if !p.opt.Verbose && len(shown) > maxEvidence {
		shown = shown[:maxEvidence]
	}
	if len(shown) > 0 {
		p.line(indent, "Seen:")
	}
	for _, e := range shown {
		p.evidenceLine(indent+2, e)
	}
	if rest := len(evidence) - len(shown); rest > 0 {
		p.line(indent+2, fmt.Sprintf("and %d more", rest))
	}
}

// evidenceLine writes "path:line  value" and keeps the end of a long path.
func (p *page) evidenceLine(indent int, e fact.Evidence) {
	place, value := p.clean(place(e)), p.clean(e.Value)
	room := p.width - indent
	if value == "" {
		p.line(indent, cutMiddle(place, room))
		return
	}
	place = cutMiddle(place, max(room-min(columns(value), room/3)-2, room/2))
	p.raw(strings.Repeat(" ", indent) + place + "  " + cut(value, room-columns(place)-2))
}

// place names where an observation comes from.
func place(e fact.Evidence) string {
	switch {
	case e.Path != "" && e.Line > 0:
		return fmt.Sprintf("%s:%d", e.Path, e.Line)
	case e.Path != "":
		return e.Path
	case e.Call != "":
		return e.Call
	}
	return e.Fact
}

// folded names what a root cause explains; one by one with Verbose.
func (p *page) folded(d *Doctor, cause RootCause) {
	if len(cause.Explains) == 0 {
		return
	}
	if !p.opt.Verbose {
		p.prose(2, fmt.Sprintf("Explains %d more: %s", len(cause.Explains), nameSome(d.codes(cause.Explains))))
		return
	}
	p.line(2, fmt.Sprintf("Explains %d more:", len(cause.Explains)))
	for _, id := range cause.Explains {
		if f, ok := d.finding(id); ok {
			p.raw("    " + p.mark(f.Severity, 7) + "  " + cut(p.clean(titled(f.Title, f.Subject)), p.width-13))
			p.prose(13, f.Detail)
			p.line(13, f.Code)
		}
	}
}

// codes returns the codes of findings, each once.
func (d *Doctor) codes(ids []string) []string {
	var out []string
	for _, id := range ids {
		if f, ok := d.finding(id); ok && !slices.Contains(out, f.Code) {
			out = append(out, f.Code)
		}
	}
	return out
}

func nameSome(names []string) string {
	if len(names) <= maxNames+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d others", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}

// remedies writes the first remedy, or all of them with Verbose.
func (p *page) remedies(indent int, f Finding) {
	shown := f.Remedies
	if !p.opt.Verbose && len(shown) > 1 {
		shown = shown[:1]
	}
	for _, r := range shown {
		p.hanging(indent, fixLabel(r)+": ", r.Summary)
		p.preview(indent+4, r)
	}
	if rest := len(f.Remedies) - len(shown); rest > 0 {
		p.line(indent, fmt.Sprintf("and %s with -v", plural(rest, "other way")))
	}
}

// fixLabel names the risk of a remedy that has one worth a thought.
func fixLabel(r Remedy) string {
	if risky(r.Risk) {
		return "Fix (" + r.Risk + " risk)"
	}
	return "Fix"
}

func risky(risk string) bool { return risk == "medium" || risk == "high" }

func (p *page) preview(indent int, r Remedy) {
	for i, line := range r.Preview {
		if rest := len(r.Preview) - i; i == maxPreview && rest > 1 && !p.opt.Verbose {
			p.line(indent, fmt.Sprintf("# and %d more lines with -v", rest))
			return
		}
		if r.Kind == check.WriteFile || r.Kind == check.DockerDaemonConfig {
			p.verbatim(indent, line)
			continue
		}
		p.command(indent, line)
	}
}

func (p *page) verify(indent int, f Finding) {
	if !p.opt.Verbose || len(f.Verify) == 0 {
		return
	}
	p.line(indent, "Then check with:")
	for _, line := range f.Verify {
		p.command(indent+4, line)
	}
}
