// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// checkReport returns data as compact JSON. It must be one object of UTF-8
// text within the limits whose numbers fit a float64. An absent report, which
// is no bytes or null, is an empty object.
func checkReport(data []byte, l Limits) (json.RawMessage, error) {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 || string(trimmed) == "null" {
		return json.RawMessage("{}"), nil
	}
	if len(data) > l.ReportBytes {
		return nil, fmt.Errorf("the report has %d bytes, and at most %d are taken", len(data), l.ReportBytes)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("the report is not UTF-8")
	}
	if d := depth(data); d > l.ReportDepth {
		return nil, fmt.Errorf("the report nests %d deep, and at most %d is taken", d, l.ReportDepth)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("the report is not a JSON object: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		return nil, fmt.Errorf("the report is not a JSON object: %w", err)
	}
	return out.Bytes(), nil
}

// depth is the deepest nesting of brackets outside strings. It needs no valid
// JSON and no stack, so it stands before the parser.
func depth(data []byte) int {
	level, deepest, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// diagnostics takes messages from the wire: bounded in number and length, and
// without characters that could drive a terminal.
func diagnostics(wire []*pluginv1.Diagnostic, l Limits) []*diag.Diagnostic {
	extra := max(0, len(wire)-l.Diagnostics)
	severe := diag.HasErrors(diag.FromProto(wire[len(wire)-extra:]))
	out := diag.FromProto(wire[:len(wire)-extra])
	for _, d := range out {
		d.Summary, d.Detail = cleanText(d.Summary), cleanText(d.Detail)
		if strings.TrimSpace(d.Summary) == "" {
			d.Summary = "Message without a summary"
		}
		for i := range d.Path {
			d.Path[i] = cleanText(d.Path[i])
		}
	}
	if extra == 0 {
		return out
	}
	more := diag.Warningf("More diagnostics than are shown", "The kernel sent %d more; the first %d are kept.", extra, l.Diagnostics)
	if severe {
		more.Severity = diag.Error
	}
	return append(out, more)
}

// cleanText cuts s to maxText bytes and replaces control characters other than
// line breaks and tabs.
func cleanText(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + " [cut]"
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
