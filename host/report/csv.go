// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// WriteCSV writes a row for each finding, in the order of the report, under a
// row of column names, and behind them a row without id and code for each note.
// Lists are one cell with a line for each item.
func (d Doctor) WriteCSV(w io.Writer) error {
	rows := [][]string{{
		"id", "code", "area", "severity", "confidence", "subject", "title", "detail", "cause",
		"root_cause", "evidence", "fix", "verify", "plugin", "waived_until", "waived_reason",
	}}
	for _, f := range d.Findings {
		var waived Waiver
		if f.Waived != nil {
			waived = *f.Waived
		}
		rows = append(rows, []string{
			f.ID, f.Code, f.Area, f.Severity, decimal(f.Confidence), f.Subject, f.Title, f.Detail, f.Cause,
			f.RootCause, strings.Join(evidenceLines(f.Evidence), "\n"), strings.Join(remedyLines(f.Remedies), "\n"),
			strings.Join(f.Verify, "\n"), f.Plugin, waived.Until, waived.Reason,
		})
	}
	for _, n := range d.Diagnostics {
		rows = append(rows, []string{"", "", "", n.Severity, "", "", n.Summary, n.Detail, "", "", "", "", "", n.Plugin, "", ""})
	}
	return writeCSV(w, "the diagnosis", rows)
}

// WriteCSV writes a row for each fact. A string stands without its quotes and
// the column "type" tells it from a number; lists and objects are JSON. Behind them
// stands a row without an address for each note.
func (f Facts) WriteCSV(w io.Writer) error {
	rows := [][]string{{"address", "type", "value", "unknown", "evidence"}}
	for _, x := range fact.NewSet(f.Facts).All() {
		kind, value := cellOf(x)
		rows = append(rows, []string{x.Address, kind, value, x.Unknown, strings.Join(evidenceLines(x.Evidence), "\n")})
	}
	for _, n := range f.Diagnostics {
		rows = append(rows, []string{"", "note", sentence(n.Summary) + " " + n.Detail, "", ""})
	}
	return writeCSV(w, "the facts", rows)
}

// WriteCSV writes a row for each node, in topological order, and behind them a row
// without a name for each note.
func (r Run) WriteCSV(w io.Writer) error {
	rows := [][]string{{
		"name", "use", "status", "reason", "wall_ms", "rows_in", "rows_out", "rows_dropped", "bytes_in", "bytes_out", "attempts",
	}}
	for _, n := range r.Nodes {
		rows = append(rows, []string{
			n.Name, n.Use, n.Status, n.Reason, decimal(n.WallMS), whole(n.RowsIn), whole(n.RowsOut), whole(n.RowsDropped),
			whole(n.BytesIn), whole(n.BytesOut), strconv.Itoa(n.Attempts),
		})
	}
	for _, n := range r.Diagnostics {
		rows = append(rows, []string{"", "", n.Severity, sentence(n.Summary) + " " + n.Detail, "", "", "", "", "", "", ""})
	}
	return writeCSV(w, "the run", rows)
}

// writeCSV writes RFC 4180: CRLF at the end of each record, quotes where they
// are needed.
func writeCSV(w io.Writer, what string, rows [][]string) error {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	c.UseCRLF = true
	for _, row := range rows {
		for i, cell := range row {
			row[i] = guarded(Clean(cell))
		}
		if err := c.Write(row); err != nil {
			return fmt.Errorf("encoding %s as CSV: %w", what, err)
		}
	}
	c.Flush()
	return emit(w, what, b.Bytes())
}

// guarded puts an apostrophe before a cell that a spreadsheet would take for a
// formula. A number stays a number.
func guarded(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace))
	if !strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", first) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// cellOf returns the kind of a value and its text.
func cellOf(f fact.Fact) (kind, value string) {
	if f.Unknown != "" {
		return Unknown, ""
	}
	switch v := decode(f.Value).(type) {
	case nil:
		return "null", ""
	case string:
		return "string", v
	case bool:
		return "boolean", string(f.Value)
	case []any:
		return "array", string(f.Value)
	case object:
		return "object", string(f.Value)
	}
	return "number", string(f.Value)
}

// evidenceLines has a line "place  value" for each piece of evidence.
func evidenceLines(evidence []fact.Evidence) []string {
	out := make([]string, 0, len(evidence))
	for _, e := range evidence {
		out = append(out, strings.TrimSpace(CleanLine(place(e))+"  "+CleanLine(e.Value)))
	}
	return out
}

// remedyLines has the summary of each remedy and, below it, what to type.
func remedyLines(remedies []Remedy) []string {
	var out []string
	for _, r := range remedies {
		out = append(out, CleanLine(r.Summary))
		for _, line := range r.Preview {
			out = append(out, "  "+Clean(line))
		}
	}
	return out
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func whole(n int64) string { return strconv.FormatInt(n, 10) }

// stamp is a time for a person and a sorter: "2026-11-05 08:30:00 UTC".
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
