// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Format is a way to write a document.
type Format struct {
	// Name as the user types it: "sarif".
	Name string
	// Extension of its files, with the dot: ".sarif".
	Extension string
	// Description in a few words.
	Description string
}

// The names of the formats.
const (
	Text       = "text"
	JSON       = "json"
	CSV        = "csv"
	Markdown   = "md"
	HTML       = "html"
	SARIF      = "sarif"
	JUnit      = "junit"
	Prometheus = "prometheus"
)

// Formats lists every format. Not every document has all of them.
func Formats() []Format {
	return []Format{
		{Text, ".txt", "for a person at a terminal"},
		{JSON, ".json", "the whole document; its schema is published"},
		{CSV, ".csv", "a table for spreadsheets (RFC 4180)"},
		{Markdown, ".md", "for issues and chats (GitHub flavour)"},
		{HTML, ".html", "one self-contained page to send or print"},
		{SARIF, ".sarif", "for code scanning (SARIF 2.1.0)"},
		{JUnit, ".xml", "for the test reports of CI systems"},
		{Prometheus, ".prom", "metrics in the text format 0.0.4"},
	}
}

// extensions are further extensions that name a format.
var extensions = map[string]string{
	".text": Text, ".log": Text, ".markdown": Markdown, ".htm": HTML, ".junit": JUnit, ".metrics": Prometheus,
}

// FormatForFile returns the format that the extension of a file name stands
// for, upper or lower case; ok is false when it stands for none.
func FormatForFile(name string) (format string, ok bool) {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	if strings.HasSuffix(name, ".sarif.json") {
		return SARIF, true
	}
	extension := path.Ext(name)
	for _, f := range Formats() {
		if f.Extension == extension {
			return f.Name, true
		}
	}
	format, ok = extensions[extension]
	return format, ok
}

// FormatError says that a document cannot be written in a format.
type FormatError struct {
	// Document in words: "a diagnosis".
	Document string
	// Format that was asked for.
	Format string
	// Known are the formats that the document has.
	Known []string
}

// Error lists the formats that there are.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s has no format %q; choose one of %s with --format", e.Document, cut(CleanLine(e.Format), 40), strings.Join(e.Known, ", "))
}

// writer writes a document in one format.
type writer struct {
	format string
	write  func(io.Writer, Options) error
}

// writers are the formats of one document, in the order of Formats.
type writers []writer

func (ws writers) names() []string {
	out := make([]string, 0, len(ws))
	for _, w := range ws {
		out = append(out, w.format)
	}
	return out
}

func (ws writers) write(w io.Writer, document, format string, opt Options) error {
	at := slices.IndexFunc(ws, func(x writer) bool { return x.format == format })
	if at < 0 {
		return &FormatError{Document: document, Format: format, Known: ws.names()}
	}
	return ws[at].write(w, opt)
}

// plain is a writer that has no options.
func plain(write func(io.Writer) error) func(io.Writer, Options) error {
	return func(w io.Writer, _ Options) error { return write(w) }
}

func (d Doctor) writers() writers {
	return writers{
		{Text, d.WriteText}, {JSON, plain(d.WriteJSON)}, {CSV, plain(d.WriteCSV)}, {Markdown, plain(d.WriteMarkdown)},
		{HTML, d.WriteHTML}, {SARIF, d.WriteSARIF}, {JUnit, plain(d.WriteJUnit)}, {Prometheus, plain(d.WritePrometheus)},
	}
}

func (f Facts) writers() writers {
	return writers{
		{Text, f.WriteText}, {JSON, plain(f.WriteJSON)}, {CSV, plain(f.WriteCSV)}, {Markdown, plain(f.WriteMarkdown)},
		{HTML, plain(f.WriteHTML)}, {Prometheus, plain(f.WritePrometheus)},
	}
}

func (r Run) writers() writers {
	return writers{
		{Text, r.WriteText}, {JSON, plain(r.WriteJSON)}, {CSV, plain(r.WriteCSV)}, {Markdown, plain(r.WriteMarkdown)},
		{HTML, plain(r.WriteHTML)}, {JUnit, plain(r.WriteJUnit)}, {Prometheus, plain(r.WritePrometheus)},
	}
}

func (f Failure) writers() writers {
	return writers{{Text, f.WriteText}, {JSON, plain(f.WriteJSON)}}
}

// Formats names the formats of a diagnosis: all.
func (d Doctor) Formats() []string { return d.writers().names() }

// Formats names the formats of facts: all but SARIF and JUnit, which tell
// faults.
func (f Facts) Formats() []string { return f.writers().names() }

// Formats names the formats of a run: all but SARIF.
func (r Run) Formats() []string { return r.writers().names() }

// Formats names the formats of a failure: text and JSON.
func (f Failure) Formats() []string { return f.writers().names() }

// Write writes the diagnosis in one of its formats, in one call of w. It
// returns a *FormatError for another format.
func (d Doctor) Write(w io.Writer, format string, opt Options) error {
	return d.writers().write(w, "a diagnosis", format, opt)
}

// Write writes the facts in one of their formats; see Doctor.Write.
func (f Facts) Write(w io.Writer, format string, opt Options) error {
	return f.writers().write(w, "a list of facts", format, opt)
}

// Write writes the run in one of its formats; see Doctor.Write.
func (r Run) Write(w io.Writer, format string, opt Options) error {
	return r.writers().write(w, "the report of a run", format, opt)
}

// Write writes the failure as text or JSON; see Doctor.Write.
func (f Failure) Write(w io.Writer, format string, opt Options) error {
	return f.writers().write(w, "the report of a failure", format, opt)
}
