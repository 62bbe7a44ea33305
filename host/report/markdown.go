// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// WriteMarkdown writes the diagnosis for an issue or a chat, in GitHub's
// flavour: the areas as a table, the root causes, the rest folded. What stands
// in the report from outside is text and nothing more; see package comment.
func (d Doctor) WriteMarkdown(w io.Writer) error {
	var m markdown
	m.line("# Diagnosis of %s", prose(d.Target.String()))
	m.line("%s. %s run, %d skipped, %s. Bulkhead %s, %s.", counts(d.Summary), plural(d.Summary.ChecksRun, "check"),
		d.Summary.ChecksSkipped, duration(d.DurationMS), prose(d.Tool.Version), stamp(d.StartedAt))
	if d.Summary.TimedOut || d.isPartial() {
		m.line("**This diagnosis is incomplete:** %s", incompleteReason(&d))
	}
	m.table([]string{"Area", "Status", ""}, mapped(d.Areas, func(a Area) []string {
		word, _ := markOf(a.Status)
		return []string{prose(a.Name), prose(word), prose(a.Headline)}
	}))
	for i, cause := range d.RootCauses {
		if f, ok := d.finding(cause.ID); ok {
			m.cause(&d, cause, f, i == 0)
		}
	}
	for _, g := range d.lesserGroups() {
		m.details(fmt.Sprintf("%s (%d)", g.Title, len(g.Findings)), func() {
			for _, f := range g.Findings {
				m.finding("###", "", f)
			}
		})
	}
	m.skipped(d.Skipped)
	m.diagnostics(d.Diagnostics)
	return m.flush(w, "the diagnosis")
}

// WriteMarkdown writes the facts as a table.
func (f Facts) WriteMarkdown(w io.Writer) error {
	var m markdown
	m.line("# Facts of %s", prose(f.Target.String()))
	m.line("%s. Bulkhead %s, %s.", plural(len(f.Facts), "fact"), prose(f.Tool.Version), stamp(f.CollectedAt))
	m.table([]string{"Fact", "Value", "Seen"}, mapped(fact.NewSet(f.Facts).All(), func(x fact.Fact) []string {
		value := codeCell(string(x.Value))
		if x.Unknown != "" {
			value = "unknown: " + prose(x.Unknown)
		}
		return []string{codeCell(x.Address), value, strings.Join(mapped(evidenceLines(x.Evidence), codeCell), "<br>")}
	}))
	m.diagnostics(f.Diagnostics)
	return m.flush(w, "the facts")
}

// WriteMarkdown writes the run as a table of its nodes.
func (r Run) WriteMarkdown(w io.Writer) error {
	var m markdown
	m.line("# Run of %s", prose(r.Pipeline))
	m.line("Status **%s** after %s. Bulkhead %s, %s, run %s.", prose(r.Status), duration(r.DurationMS), prose(r.Tool.Version), stamp(r.StartedAt), codeSpan(r.RunID))
	if r.Error != nil {
		m.line("**%s** %s", prose(sentence(r.Error.Summary)), prose(r.Error.Detail))
	}
	m.table([]string{"Node", "Kernel", "Status", "Rows in", "Rows out", "Dropped", "Time"}, mapped(r.Nodes, func(n Node) []string {
		status, _ := markOf(n.Status)
		if n.Reason != "" {
			status += ": " + n.Reason
		}
		return []string{codeCell(n.Name), codeCell(n.Use), prose(status), whole(n.RowsIn), whole(n.RowsOut), whole(n.RowsDropped), duration(n.WallMS)}
	}))
	m.diagnostics(r.Diagnostics)
	if r.Error != nil {
		m.diagnostics(r.Error.Diagnostics)
	}
	return m.flush(w, "the run")
}

// markdown gathers blocks with a blank line between them.
type markdown struct{ buf bytes.Buffer }

func (m *markdown) line(format string, args ...any) {
	fmt.Fprintf(&m.buf, "%s\n\n", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// cause writes a root cause in full, and what it explains folded.
func (m *markdown) cause(d *Doctor, cause RootCause, f Finding, first bool) {
	m.finding("##", causeLabel(first)+": ", f)
	if len(cause.Explains) == 0 {
		return
	}
	m.details(fmt.Sprintf("Explains %d more", len(cause.Explains)), func() {
		for _, id := range cause.Explains {
			if folded, ok := d.finding(id); ok {
				m.line("- %s **%s**: %s %s", prose(folded.Severity), prose(titled(folded.Title, folded.Subject)), prose(folded.Detail), codeSpan(folded.Code))
			}
		}
	})
}

func (m *markdown) finding(level, label string, f Finding) {
	m.line("%s %s%s", level, label, prose(f.Title))
	facts := []string{prose(f.Severity), codeSpan(f.Code)}
	if f.Subject != "" {
		facts = append(facts, "at "+codeSpan(f.Subject))
	}
	if f.Confidence < 1 {
		facts = append(facts, "confidence "+percent(f.Confidence))
	}
	m.line("%s", strings.Join(facts, ", "))
	if f.Waived != nil {
		m.line("**%s**", prose(f.Waived.String()))
	}
	m.line("%s", prose(f.Detail))
	if f.Cause != "" {
		m.line("Because: %s", prose(f.Cause))
	}
	m.evidence(f.Evidence)
	for _, r := range f.Remedies {
		m.remedy(r)
	}
	if len(f.Verify) > 0 {
		m.line("Then check with:")
		m.block("sh", f.Verify)
	}
}

func (m *markdown) remedy(r Remedy) {
	m.line("**%s:** %s", fixLabel(r), prose(r.Summary))
	language := "sh"
	if r.Kind == check.WriteFile || r.Kind == check.DockerDaemonConfig {
		language = ""
	}
	m.block(language, r.Preview)
}

// block writes lines as a code block. Its fence is longer than every run of
// backquotes inside.
func (m *markdown) block(language string, lines []string) {
	if len(lines) == 0 {
		return
	}
	text := strings.TrimRight(Clean(strings.Join(lines, "\n")), "\n")
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	m.line("%s%s\n%s\n%s", fence, language, text, fence)
}

// evidence writes a list of what was seen where.
func (m *markdown) evidence(list []fact.Evidence) {
	if len(list) == 0 {
		return
	}
	m.line("Seen:\n\n%s", strings.Join(mapped(list, func(e fact.Evidence) string {
		return "- " + strings.Join(slices.DeleteFunc([]string{codeSpan(place(e)), codeSpan(e.Value)}, func(s string) bool { return s == "" }), ": ")
	}), "\n"))
}

func (m *markdown) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	lines := []string{tableRow(head), "|" + strings.Repeat(" --- |", len(head))}
	for _, row := range rows {
		lines = append(lines, tableRow(row))
	}
	m.line("%s", strings.Join(lines, "\n"))
}

// tableRow expects cells in which every bar is escaped.
func tableRow(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

func (m *markdown) details(summary string, body func()) {
	m.line("<details><summary>%s</summary>", summary)
	body()
	m.line("</details>")
}

func (m *markdown) skipped(skips []Skip) {
	if len(skips) == 0 {
		return
	}
	m.details(fmt.Sprintf("Skipped (%d)", len(skips)), func() {
		m.table([]string{"Check", "Why"}, mapped(skips, func(s Skip) []string {
			return []string{codeCell(titled(s.Code, s.Subject)), prose(s.Reason)}
		}))
	})
}

func (m *markdown) diagnostics(ds []Diagnostic) {
	shown := weighty(ds)
	if len(shown) == 0 {
		return
	}
	m.line("%s", strings.Join(mapped(shown, func(x Diagnostic) string {
		return fmt.Sprintf("- %s: %s %s", prose(x.Severity), prose(sentence(x.Summary)), prose(x.Detail))
	}), "\n"))
}

func (m *markdown) flush(w io.Writer, what string) error {
	return emit(w, what, append(bytes.TrimRight(m.buf.Bytes(), "\n"), '\n'))
}
