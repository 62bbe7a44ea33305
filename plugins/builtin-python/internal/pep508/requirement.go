// SPDX-License-Identifier: Apache-2.0

// Package pep508 reads dependency specifiers ("Requires-Dist" lines) as PEP 508
// defines them:
//
//	name [extras] [specifiers | "(" specifiers ")" | "@" URL] [";" marker]
//
// A marker is a boolean expression over the interpreter that it is evaluated
// for; see Environment. The parser accepts the legacy forms that published
// metadata really holds (parenthesised versions, no space before ";") and
// refuses everything else with an *Error that says where.
package pep508

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
)

// Requirement is one parsed dependency specifier.
type Requirement struct {
	// Name as written; compare with Normalize.
	Name   string
	Extras []string
	// Specifiers is empty when any version will do.
	Specifiers pep440.Specifiers
	// SpecifierText is the specifiers as written, without parentheses.
	SpecifierText string
	// URL of a direct reference, else "".
	URL string
	// Marker is nil when the requirement always applies.
	Marker *Marker
}

// Error is a requirement that cannot be read.
type Error struct {
	Text   string
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("requirement %q cannot be read: %s", e.Text, e.Reason)
}

// maxText bounds a requirement in bytes; the longest known markers are near 2 kB.
const maxText = 16 << 10

// Parse reads a requirement. The error is an *Error.
func Parse(text string) (Requirement, error) {
	if len(text) > maxText {
		return Requirement{}, &Error{Text: text[:40] + "...", Reason: "it is too long"}
	}
	head, marker := splitMarker(text)
	var r Requirement
	if reason := r.head(head); reason != "" {
		return Requirement{}, &Error{Text: text, Reason: reason}
	}
	if marker != "" {
		m, err := ParseMarker(marker)
		if err != nil {
			return Requirement{}, &Error{Text: text, Reason: err.Error()}
		}
		r.Marker = m
	}
	return r, nil
}

// splitMarker cuts at the ";" that starts the marker. In a direct reference it
// must follow a space, since URLs may hold a ";".
func splitMarker(text string) (head, marker string) {
	sep := ";"
	if strings.Contains(text, "@") && strings.Contains(text, "://") {
		sep = " ;"
	}
	head, marker, _ = strings.Cut(text, sep)
	return strings.TrimSpace(head), strings.TrimSpace(marker)
}

// head reads everything before the marker and returns why it cannot.
func (r *Requirement) head(text string) (reason string) {
	end := 0
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	r.Name, text = text[:end], strings.TrimSpace(text[end:])
	if r.Name == "" {
		return "it does not start with a name"
	}
	if strings.HasPrefix(text, "[") {
		list, rest, ok := strings.Cut(text[1:], "]")
		if !ok {
			return "the list of extras is not closed"
		}
		r.Extras, text = splitExtras(list), strings.TrimSpace(rest)
	}
	if url, ok := strings.CutPrefix(text, "@"); ok {
		r.URL = strings.TrimSpace(url)
		return ""
	}
	return r.specifiers(text)
}

func (r *Requirement) specifiers(text string) (reason string) {
	if inner, ok := strings.CutPrefix(text, "("); ok {
		if text, ok = strings.CutSuffix(inner, ")"); !ok {
			return "the parenthesis is not closed"
		}
	}
	set, err := pep440.ParseSpecifiers(text)
	if err != nil {
		return err.Error()
	}
	r.Specifiers, r.SpecifierText = set, strings.TrimSpace(text)
	return ""
}

func splitExtras(list string) []string {
	var out []string
	for extra := range strings.SplitSeq(list, ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			out = append(out, Normalize(extra))
		}
	}
	return out
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

// Normalize returns the form of a name by which PEP 503 compares names:
// lower case, with each run of "-", "_" and "." as one "-".
func Normalize(name string) string {
	if isNormal(name) {
		return name
	}
	var b strings.Builder
	b.Grow(len(name))
	run := false
	for i := range len(name) {
		c := name[i]
		if c == '-' || c == '_' || c == '.' {
			run = true
			continue
		}
		if run && b.Len() > 0 {
			b.WriteByte('-')
		}
		run = false
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

func isNormal(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' && i > 0 && i < len(name)-1 && name[i-1] != '-':
		default:
			return false
		}
	}
	return true
}
