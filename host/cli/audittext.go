// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// auditListing is what `bulkhead audit list` prints. It reads while it prints,
// so that a long log needs no memory.
type auditListing struct {
	dir   string
	query audit.Query
}

// WriteJSON writes one document with the records as they stand in the log.
func (l auditListing) WriteJSON(w io.Writer) error {
	dir, err := json.Marshal(l.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "{\n  \"schema_version\": %q,\n  \"dir\": %s,\n  \"records\": [", report.SchemaVersion, dir)
	separator := "\n    "
	unreadable, err := audit.Select(l.dir, l.query, func(r audit.Record) error {
		_, err := fmt.Fprintf(w, "%s%s", separator, r.Raw())
		separator = ",\n    "
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n  ],\n  \"unreadable\": %d\n}\n", unreadable)
	return err
}

// WriteText writes a line for each record, under its day; with -v who wrote it
// and all of its data follow.
func (l auditListing) WriteText(w io.Writer, opt report.Options) error {
	day := ""
	unreadable, err := audit.Select(l.dir, l.query, func(r audit.Record) error {
		at := r.Time.Local()
		if today := at.Format(time.DateOnly); today != day {
			day = today
			fmt.Fprintln(w, day)
		}
		writeAuditLine(w, opt, at.Format(time.TimeOnly), r.Words())
		if opt.Verbose {
			who := fmt.Sprintf("record %d by %s, pid %d, run %s, Bulkhead %s", r.Seq, r.Host.User, r.Host.PID, r.Host.Run, r.Host.Version)
			writeAuditLine(w, opt, "", who)
			writeAuditLine(w, opt, "", spaced(r.Data))
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.writeEnd(w, opt, day == "", unreadable)
	return nil
}

// writeEnd says why there is little to see.
func (l auditListing) writeEnd(w io.Writer, opt report.Options, none bool, unreadable int) {
	chosen := l.query.Plugin != "" || l.query.Kind != "" || !l.query.Since.IsZero()
	switch {
	case none && chosen:
		writeAuditText(w, opt, "No record of the audit log matches.")
	case none && unreadable == 0:
		writeAuditText(w, opt, emptyAudit(l.dir))
	}
	if unreadable > 0 {
		writeAuditText(w, opt, count(unreadable, "line is no record", "lines are no records")+"; `bulkhead audit verify` says why.")
	}
}

func emptyAudit(dir string) string {
	return fmt.Sprintf("The audit log is empty. The first launch of a plugin begins it in %s.", dir)
}

// writeAuditLine writes text in the column beside a time of day.
func writeAuditLine(w io.Writer, opt report.Options, at, text string) {
	const from = len("15:04:05 ")
	lead := strings.Repeat(" ", from)
	if at != "" {
		lead = at + " "
	}
	rows := wrapped(report.CleanLine(text), width(opt)-from)
	fmt.Fprintf(w, "%s%s\n", lead, strings.Join(rows, "\n"+strings.Repeat(" ", from)))
}

// writeAuditText writes a paragraph.
func writeAuditText(w io.Writer, opt report.Options, text string) {
	fmt.Fprintln(w, strings.Join(wrapped(report.CleanLine(text), width(opt)), "\n"))
}

// wrapped sets text in rows of at most n runes and breaks words that are longer.
func wrapped(text string, n int) []string {
	var rows []string
	row := []rune{}
	for word := range strings.FieldsSeq(text) {
		runes := []rune(word)
		if len(row) > 0 && len(row)+1+len(runes) > n {
			rows, row = append(rows, string(row)), nil
		}
		if len(row) > 0 {
			row = append(row, ' ')
		}
		row = append(row, runes...)
		for len(row) > n {
			rows, row = append(rows, string(row[:n])), row[n:]
		}
	}
	return append(rows, string(row))
}

// spaced is JSON with spaces to break lines at.
func spaced(data json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "") != nil {
		return string(data)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// auditVerdict is what `bulkhead audit verify` prints.
type auditVerdict struct {
	SchemaVersion string         `json:"schema_version"`
	Dir           string         `json:"dir"`
	Intact        bool           `json:"intact"`
	Files         int            `json:"files"`
	Records       uint64         `json:"records"`
	First         *time.Time     `json:"first,omitempty"`
	Last          *time.Time     `json:"last,omitempty"`
	Anchor        string         `json:"anchor,omitempty"`
	Problems      []auditProblem `json:"problems"`
	// Omitted counts the problems beyond those listed.
	Omitted int      `json:"omitted"`
	Notes   []string `json:"notes"`
}

type auditProblem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Seq    uint64 `json:"seq,omitempty"`
	What   string `json:"what"`
	Reason string `json:"reason"`
}

func verdictOf(v *audit.Verdict) auditVerdict {
	out := auditVerdict{
		SchemaVersion: report.SchemaVersion, Dir: v.Dir, Intact: v.Intact, Files: v.Files, Records: v.Records,
		Problems: []auditProblem{}, Omitted: v.Omitted, Notes: append([]string{}, v.Notes...),
	}
	if v.Records > 0 {
		out.First, out.Last = &v.First, &v.Last
	}
	if v.Anchor.Seq > 0 {
		out.Anchor = v.Anchor.String()
	}
	for _, p := range v.Problems {
		out.Problems = append(out.Problems, auditProblem(p))
	}
	return out
}

// WriteJSON writes the verdict as one JSON document.
func (v auditVerdict) WriteJSON(w io.Writer) error { return writeJSON(w, v) }

// WriteText writes the verdict, what speaks against the log, and what to do.
func (v auditVerdict) WriteText(w io.Writer, opt report.Options) error {
	switch {
	case !v.Intact:
		v.writeProblems(w, opt)
	case v.Records == 0:
		writeAuditText(w, opt, emptyAudit(v.Dir))
	default:
		writeAuditText(w, opt, fmt.Sprintf("The audit log is intact: %s in %s, %s to %s.", count(int(v.Records), "record", "records"),
			count(v.Files, "file", "files"), v.First.Local().Format(time.DateOnly), v.Last.Local().Format(time.DateOnly)))
	}
	for _, n := range v.Notes {
		writeAuditText(w, opt, "note: "+n)
	}
	if v.Anchor != "" {
		fmt.Fprintf(w, "\nThe anchor, to keep elsewhere and give to --expect later:\n%s\n", v.Anchor)
	}
	return nil
}

func (v auditVerdict) writeProblems(w io.Writer, opt report.Options) {
	writeAuditText(w, opt, fmt.Sprintf("The audit log is damaged: %s.", count(len(v.Problems)+v.Omitted, "problem", "problems")))
	for _, p := range v.Problems {
		at := p.File
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		writeTerm(w, opt, 2, 4, at, "")
		for _, text := range []string{p.What, "likely: " + p.Reason} {
			rows := wrapped(report.CleanLine(text), width(opt)-4)
			fmt.Fprintf(w, "    %s\n", strings.Join(rows, "\n    "))
		}
	}
	if v.Omitted > 0 {
		fmt.Fprintf(w, "  and %d more\n", v.Omitted)
	}
	writeAuditText(w, opt, "Keep the directory as evidence: move it away, and the next run begins a new log.")
	fmt.Fprintf(w, "  %s\n", strings.Join(wrapped(report.CleanLine(v.Dir), width(opt)-2), "\n  "))
}

// auditRotated is what `bulkhead audit rotate` prints.
type auditRotated struct {
	SchemaVersion string `json:"schema_version"`
	Dir           string `json:"dir"`
	File          string `json:"file"`
	Anchor        string `json:"anchor"`
}

// WriteJSON writes the outcome as one JSON document.
func (r auditRotated) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText says where records go now.
func (r auditRotated) WriteText(w io.Writer, opt report.Options) error {
	writeAuditText(w, opt, fmt.Sprintf("Records go to %s in %s now.", r.File, r.Dir))
	fmt.Fprintf(w, "anchor:\n%s\n", r.Anchor)
	return nil
}
