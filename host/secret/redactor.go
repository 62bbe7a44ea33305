// SPDX-License-Identifier: Apache-2.0

// Package secret keeps the values of secrets out of what the host writes.
//
// A plugin that was granted a secret can print it: by mistake, in the text of an
// HTTP error, or in a dump of its settings. A [Redactor] replaces such values in
// lines of text by "[secret NAME]", in these forms:
//
//   - the value itself, and each line of a value with several lines,
//   - base64, in the standard and the URL alphabet, also within longer encoded
//     text such as "user:value" at any of the three alignments,
//   - percent-encoding as in a URL's query or path,
//   - the escapes of a JSON or Go string,
//   - hexadecimal digits in either case.
//
// It is a net for accidents, not a wall: a plugin that wants to tell a secret can
// spell it in countless other ways. What may leave a plugin is decided by its
// grants. Values of less than [MinBytes] bytes are not looked for, since they
// would be found in ordinary words.
package secret

import (
	"cmp"
	"slices"
	"strings"
)

// MinBytes is the length of the shortest value that is looked for.
const MinBytes = 6

// Redactor replaces secrets in text. It does not change after New, so any number
// of goroutines may use it. The nil Redactor replaces nothing.
type Redactor struct {
	patterns []pattern
	longest  int // bytes of the longest pattern
	short    []string
}

// pattern is one form of one secret.
type pattern struct{ name, text string }

// New makes a redactor for secrets by name.
func New(secrets map[string]string) *Redactor {
	r := &Redactor{}
	for name, value := range secrets {
		if len(value) < MinBytes {
			r.short = append(r.short, name)
			continue
		}
		for _, form := range forms(value) {
			r.patterns = append(r.patterns, pattern{name, form})
			r.longest = max(r.longest, len(form))
		}
	}
	slices.Sort(r.short)
	slices.SortFunc(r.patterns, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.text, b.text))
	})
	return r
}

// TooShort lists the names of secrets whose values are not looked for, sorted.
func (r *Redactor) TooShort() []string {
	if r == nil {
		return nil
	}
	return slices.Clone(r.short)
}

// Line returns text with all secrets replaced. Secrets that overlap are replaced
// together, and all their names are given.
func (r *Redactor) Line(text string) string {
	if r == nil {
		return text
	}
	spans := r.find(text)
	if len(spans) == 0 {
		return text
	}
	var out strings.Builder
	at := 0
	for _, s := range spans {
		out.WriteString(text[at:s.from])
		out.WriteString(s.label())
		at = s.to
	}
	out.WriteString(text[at:])
	return out.String()
}

// span is a part of a text that shows secrets.
type span struct {
	from, to int
	names    []string
}

func (s span) label() string { return "[secret " + strings.Join(s.names, ", ") + "]" }

// find returns the parts to replace, in order and apart from each other.
func (r *Redactor) find(text string) []span {
	var found []span
	for _, p := range r.patterns {
		for at := 0; ; {
			i := strings.Index(text[at:], p.text)
			if i < 0 {
				break
			}
			found = append(found, span{at + i, at + i + len(p.text), []string{p.name}})
			// A value may overlap itself: abcabc in abcabcabc.
			at += i + 1
		}
	}
	return merge(found)
}

// merge joins spans that overlap or touch.
func merge(spans []span) []span {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := spans[:0]
	for _, s := range spans {
		last := len(out) - 1
		if last < 0 || s.from > out[last].to || s.from == out[last].to && out[last].names[0] != s.names[0] {
			out = append(out, s)
			continue
		}
		out[last].to = max(out[last].to, s.to)
		if !slices.Contains(out[last].names, s.names[0]) {
			out[last].names = append(out[last].names, s.names[0])
		}
	}
	return out
}
