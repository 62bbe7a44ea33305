// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// answer is what a tool said about a machine.
type answer struct {
	// said is nil for text.
	said    *document
	text    string
	code    int
	failure string
}

// document is the part of a report that counts.
type document struct {
	Findings   []report.Finding
	RootCauses []report.RootCause
	Diagnoses  []report.Diagnostic
}

// read makes an answer out of a tool's output: JSON when that is a report.
func read(out output) answer {
	a := answer{text: string(out.stdout), code: out.code, failure: out.failure}
	if d, ok := parseDocument(bytes.TrimSpace(out.stdout)); ok {
		a.said = d
		a.failure = cmpOr(a.failure, d.incomplete())
	}
	if a.failure != "" && out.stderr != "" {
		a.failure += ": " + out.stderr
	}
	return a
}

// parseDocument reads an object with findings. Other tools need not have every
// field in our shape: of a finding that differs, the texts count.
func parseDocument(data []byte) (*document, bool) {
	var raw struct {
		Findings   *[]json.RawMessage  `json:"findings"`
		RootCauses []report.RootCause  `json:"root_causes"`
		Diagnoses  []report.Diagnostic `json:"diagnostics"`
	}
	if json.Unmarshal(data, &raw) != nil || raw.Findings == nil {
		return nil, false
	}
	d := &document{RootCauses: raw.RootCauses, Diagnoses: raw.Diagnoses}
	for _, r := range *raw.Findings {
		f, ok := parseFinding(r)
		if !ok {
			return nil, false
		}
		d.Findings = append(d.Findings, f)
	}
	return d, true
}

func parseFinding(data json.RawMessage) (report.Finding, bool) {
	var full report.Finding
	if json.Unmarshal(data, &full) == nil {
		return full, full.Code != ""
	}
	var texts struct{ Code, Severity, Subject, Title, Detail, Cause string }
	err := json.Unmarshal(data, &texts)
	return report.Finding{
		Code: texts.Code, Severity: texts.Severity, Subject: texts.Subject,
		Title: texts.Title, Detail: texts.Detail, Cause: texts.Cause,
	}, err == nil && texts.Code != ""
}

// incomplete tells why a report lacks a part: a plugin that crashed.
func (d *document) incomplete() string {
	for _, x := range d.Diagnoses {
		if x.Severity == report.Error {
			return strings.TrimSpace(x.Plugin + " " + x.Summary + " " + x.Detail)
		}
	}
	return ""
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// textOf is everything that a finding says.
func textOf(f report.Finding) string {
	parts := []string{f.Subject, f.Title, f.Detail, f.Cause}
	for _, e := range f.Evidence {
		parts = append(parts, e.Path, e.Call)
	}
	for _, r := range f.Remedies {
		parts = append(parts, r.Summary)
		parts = append(parts, r.Preview...)
	}
	return strings.Join(append(parts, f.Verify...), "\n")
}

// matches reports whether a reported finding is the expected one.
func (f Finding) matches(got report.Finding) bool {
	if f.Code != got.Code || f.Severity != "" && f.Severity != got.Severity {
		return false
	}
	if f.Subject != "" {
		if ok, err := path.Match(f.Subject, got.Subject); err != nil || !ok {
			return false
		}
	}
	return f.in(textOf(got))
}

var (
	failureWord = pattern.Lazy(`(?i)\b(errors?|warnings?|critical|fatal|failed|failures?|broken)\b`)
	deniedWord  = pattern.Lazy(`(?i)\b(no|0|zero|without)\s+(\w+\s+(and|or)\s+)?(errors?|warnings?|critical|fatal|failed|failures?|broken)\b`)
)

// alarm returns the first line of a text that speaks of failure, or "".
func alarm(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if failureWord().MatchString(deniedWord().ReplaceAllString(line, "")) {
			return line
		}
	}
	return ""
}
