// SPDX-License-Identifier: Apache-2.0

package config

import "encoding/json"

// JSONDiagnostic is the machine form of a Diagnostic.
type JSONDiagnostic struct {
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	Range    *Range   `json:"range,omitempty"`
	// Snippet is the source line that the range starts on, made printable.
	Snippet *JSONSnippet `json:"snippet,omitempty"`
}

// JSONSnippet is a source line with a stretch of it to underline.
type JSONSnippet struct {
	// Context names the enclosing block, for example: kernel "model".
	Context string `json:"context,omitempty"`
	Code    string `json:"code"`
	// Start and Length count runes of Code.
	Start  int `json:"start"`
	Length int `json:"length"`
}

// JSON returns the machine form; never nil, so that it encodes as [].
func (ds Diagnostics) JSON() []JSONDiagnostic {
	out := make([]JSONDiagnostic, 0, len(ds))
	for _, d := range ds {
		out = append(out, d.json())
	}
	return out
}

// MarshalJSON encodes the form that JSON returns.
func (ds Diagnostics) MarshalJSON() ([]byte, error) {
	return json.Marshal(ds.JSON())
}

func (d *Diagnostic) json() JSONDiagnostic {
	out := JSONDiagnostic{
		Severity: d.Severity,
		Summary:  oneLine(d.Summary),
		Detail:   Clean(d.Detail),
		Range:    d.Range,
	}
	if s, ok := d.snippet(maxSnippet); ok {
		context := d.context()
		if len(context) > len(", in ") {
			context = oneLine(context[len(", in "):])
		}
		out.Snippet = &JSONSnippet{Context: context, Code: s.text, Start: s.start, Length: s.length}
	}
	return out
}
