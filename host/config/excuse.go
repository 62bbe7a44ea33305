// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Skip leaves checks out, for a reason that stands in the report.
type Skip struct {
	// Code is that of one check, "group.*" or "require.NAME", as written.
	Code string
	// Subject is a pattern of the subjects whose findings are left out, in which
	// "*" stands for any text and "?" for one character; empty leaves out the
	// check as a whole.
	Subject string
	Reason  string
	Range   Range
}

// Waiver accepts findings until a day: they are shown, with the reason, and do
// not count.
type Waiver struct {
	Name string
	// Code and Subject say which findings, as in Skip; an empty Subject means all.
	Code, Subject string
	Reason        string
	// By is who accepts them; possibly empty.
	By string
	// Until is the last day of the waiver, at its first moment in UTC.
	Until time.Time
	Range Range
}

// HostCodes are the codes of the host's own findings, which no plugin describes.
var HostCodes = []string{
	"bench.slower", "bulkhead.check-failed", "bulkhead.probe-disagrees", "probe.driver-fails", "probe.engine-unreachable", "probe.import-failed",
	"probe.place-unreachable", "probe.tensor-failed",
}

// excusedCode is the form of the codes that skips and waivers name.
var excusedCode = pattern.Lazy(`^(require\.[A-Za-z][A-Za-z0-9_-]{0,55}|[a-z0-9][a-z0-9_-]*\.(\*|[a-z0-9][a-z0-9_-]*))$`)

// skips reads skip blocks, of the top level or of a suite.
func (l *loader) skips(blocks hcl.Blocks) []*Skip {
	var out []*Skip
	for _, b := range blocks {
		s := l.section(skipBlock(), b)
		skip := &Skip{Code: b.Labels[0], Subject: clean(s.text("subject")), Reason: s.reason(), Range: rangeOf(b.DefRange)}
		if l.excusable(skip.Code, b.LabelRanges[0]) {
			out = append(out, skip)
		}
	}
	return out
}

func (l *loader) waivers() {
	for _, b := range l.blocks["waiver"] {
		name, ok := l.label(b, "waiver")
		s := l.section(waiverBlock(), b)
		w := &Waiver{
			Name: name, Code: s.text("code"), Subject: clean(s.text("subject")), Reason: s.reason(),
			By: clean(s.text("by")), Until: s.day("until"), Range: rangeOf(b.DefRange),
		}
		if _, written := s.attrs["code"]; ok && written && l.excusable(w.Code, s.rangeFor("code")) {
			l.cfg.Waivers = append(l.cfg.Waivers, w)
		}
	}
}

// excusable reports a code of a wrong form, or the name of a requirement that
// is not there.
func (l *loader) excusable(code string, at hcl.Range) bool {
	if !excusedCode().MatchString(code) {
		l.errorf(at, "Invalid code", "%q is not the code of a check such as \"gpu.persistence-off\", a group such as \"gpu.*\" or \"require.NAME\".", shorten(code))
		return false
	}
	if name, ok := strings.CutPrefix(code, "require."); ok && name != "*" {
		return l.knownPolicy(Ref{Kind: RefRequire, Name: name, Range: rangeOf(at)})
	}
	return true
}

// reason reads why; a blank one is none.
func (s section) reason() string {
	reason := clean(s.text("reason"))
	if _, written := s.attrs["reason"]; written && reason == "" {
		s.l.errorf(s.rangeFor("reason"), "Reason missing", "Say why in a sentence: it stands in the report, for whoever reads it later.")
	}
	return reason
}

// clean makes a text one line without spaces around it.
func clean(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// day reads a date of the calendar, such as 2027-01-31.
func (s section) day(name string) time.Time {
	text := s.text(name)
	if text == "" && s.attrs[name] == nil {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		s.l.errorf(s.rangeFor(name), "Invalid date", "%q takes a day of the calendar such as \"2027-01-31\", the last one on which it counts, not %q.",
			name, shorten(text))
	}
	return day
}

// bindCode checks that a skip or a waiver names something that can be found.
func (b *binder) bindCode(code string, at Range) {
	if strings.HasPrefix(code, "require.") || len(codesOf(b.catalog, code)) > 0 {
		return
	}
	known := append(allCodes(b.catalog), HostCodes...)
	b.add(newDiagnostic(SeverityError, at, "Unknown check", "No installed plugin has a check %q.%s Run \"bulkhead plugin list\" to see what is installed.",
		code, nearSentence(code, append(groupsOf(known), known...))))
}

// groupsOf are the patterns "group.*" of codes.
func groupsOf(codes []string) []string {
	var out []string
	for _, code := range codes {
		group, _, _ := strings.Cut(code, ".")
		out = append(out, group+".*")
	}
	return sortedUnique(out)
}

// codesOf are the codes that a pattern means: one, or those of a group. The
// host's own are among them, requirements are not.
func codesOf(catalog Catalog, pattern string) []string {
	group, whole := strings.CutSuffix(pattern, ".*")
	if code, ok := CanonicalCode(catalog, pattern); ok && !whole {
		return []string{code}
	}
	var out []string
	for _, code := range append(allCodes(catalog), HostCodes...) {
		of, _, _ := strings.Cut(code, ".")
		if whole && fold(of) == fold(group) || fold(code) == fold(pattern) {
			out = append(out, code)
		}
	}
	return sortedUnique(out)
}
