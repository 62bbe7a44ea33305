// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON writes the report as one JSON document.
func (d Doctor) WriteJSON(w io.Writer) error {
	d.SchemaVersion = SchemaVersion
	d.StartedAt = d.StartedAt.UTC()
	d.Areas, d.RootCauses, d.Findings = list(d.Areas), filledCauses(d.RootCauses), filledFindings(d.Findings)
	d.Skipped, d.Plugins, d.Diagnostics = list(d.Skipped), filledPlugins(d.Plugins), list(d.Diagnostics)
	return writeJSON(w, "the diagnosis", d)
}

// WriteJSON writes the report as one JSON document.
func (r Run) WriteJSON(w io.Writer) error {
	r.SchemaVersion = SchemaVersion
	r.StartedAt = r.StartedAt.UTC()
	r.Nodes = mapped(r.Nodes, func(n Node) Node { n.Diagnostics = list(n.Diagnostics); return n })
	r.Plugins, r.Diagnostics = filledPlugins(r.Plugins), list(r.Diagnostics)
	if r.Error != nil {
		filled := *r.Error
		filled.Diagnostics = list(filled.Diagnostics)
		r.Error = &filled
	}
	if r.Preflight != nil {
		filled := *r.Preflight
		filled.Areas, filled.RootCauses = list(filled.Areas), filledCauses(filled.RootCauses)
		r.Preflight = &filled
	}
	return writeJSON(w, "the run", r)
}

// WriteJSON writes the failure as one JSON document.
func (f Failure) WriteJSON(w io.Writer) error {
	f.SchemaVersion = SchemaVersion
	f.Error.Diagnostics = list(f.Error.Diagnostics)
	return writeJSON(w, "the failure", f)
}

// writeJSON encodes first and writes in one call, so that an encoding error
// leaves no half document behind.
func writeJSON(w io.Writer, what string, document any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(document); err != nil {
		return fmt.Errorf("encoding %s as JSON: %w", what, err)
	}
	return emit(w, what, escapeHostile(b.Bytes()))
}

// CanonicalValue returns a JSON value in the one form that facts have in the
// host: without insignificant white space, and with what a terminal obeys
// escaped. A fact from a plugin and the same fact from a snapshot are equal, to
// the byte. What is not JSON is returned as it is.
func CanonicalValue(value json.RawMessage) json.RawMessage {
	if len(value) == 0 {
		return nil
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return value
	}
	return escapeHostile(b.Bytes())
}

// escapeHostile writes the runes that a terminal obeys as \u escapes. In a
// JSON document such runes stand inside strings only, so that the values stay
// the same.
func escapeHostile(document []byte) []byte {
	if bytes.IndexFunc(document, escaped) < 0 {
		return document
	}
	out := make([]byte, 0, len(document)+64)
	for len(document) > 0 {
		r, size := utf8.DecodeRune(document)
		if escaped(r) {
			out = appendEscape(out, r)
		} else {
			out = append(out, document[:size]...)
		}
		document = document[size:]
	}
	return out
}

func escaped(r rune) bool { return r != '\n' && hostile(r) }

func appendEscape(out []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}

// list returns s, or an empty list in the place of nil, which would be null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// mapped returns a new list, never nil, that leaves the caller's untouched.
func mapped[T, U any](s []T, fill func(T) U) []U {
	out := make([]U, 0, len(s))
	for _, v := range s {
		out = append(out, fill(v))
	}
	return out
}

func filledCauses(causes []RootCause) []RootCause {
	return mapped(causes, func(c RootCause) RootCause { c.Explains = list(c.Explains); return c })
}

func filledPlugins(plugins []Plugin) []Plugin {
	return mapped(plugins, func(p Plugin) Plugin { p.Sandbox.Walls = list(p.Sandbox.Walls); return p })
}

func filledFindings(findings []Finding) []Finding {
	return mapped(findings, func(f Finding) Finding {
		f.Evidence, f.Explains, f.Verify = list(f.Evidence), list(f.Explains), list(f.Verify)
		f.Remedies = mapped(f.Remedies, func(r Remedy) Remedy { r.Preview = list(r.Preview); return r })
		return f
	})
}
