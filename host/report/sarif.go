// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// sarifSchema is where the schema of SARIF 2.1.0 is published.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// WriteSARIF writes a SARIF 2.1.0 log of one run: a rule for each check, a
// result for each finding. A result lies in the file of its evidence, relative
// to Options.Project where it is inside, and on its subject otherwise. An info
// is a note; an unknown has the kind "open", because nothing failed.
func (d Doctor) WriteSARIF(w io.Writer, opt Options) error {
	rules := d.sarifRules(opt)
	run := sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: "Bulkhead", Version: Clean(d.Tool.Version), InformationURI: "https://github.com/bulkhead-ml/bulkhead", Rules: rules}},
		Invocations: []sarifInvocation{d.sarifInvocation(opt)},
		Automation:  sarifAutomation{ID: "bulkhead/doctor/"},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
	}
	if opt.Project != "" {
		run.Bases = map[string]sarifArtifact{projectBase: {URI: strings.TrimSuffix(fileURI(opt.Project), "/") + "/"}}
	}
	for _, f := range d.Findings {
		index := slices.IndexFunc(rules, func(r sarifRule) bool { return r.ID == f.Code })
		run.Results = append(run.Results, d.sarifResult(f, index, opt.Project))
	}
	return writeJSON(w, "the diagnosis", sarifLog{Version: "2.1.0", Schema: sarifSchema, Runs: []sarifRun{run}})
}

// sarifRules has a rule for each check, by code.
func (d *Doctor) sarifRules(opt Options) []sarifRule {
	checks := slices.Clone(d.checks())
	for _, f := range d.orphans() {
		checks = append(checks, CheckResult{Code: f.Code, Area: f.Area, Title: f.Title})
	}
	slices.SortStableFunc(checks, func(a, b CheckResult) int { return strings.Compare(a.Code, b.Code) })
	checks = slices.CompactFunc(checks, func(a, b CheckResult) bool { return a.Code == b.Code })
	return mapped(checks, func(c CheckResult) sarifRule { return ruleOf(c, opt.doc(c.Code)) })
}

func ruleOf(c CheckResult, doc check.Doc) sarifRule {
	r := sarifRule{ID: Clean(c.Code), HelpURI: firstLink(doc.References), Properties: &sarifTags{Tags: []string{Clean(c.Area)}}}
	if c.Title != "" {
		r.Short = &sarifText{Text: CleanLine(c.Title)}
	}
	if doc.Meaning != "" {
		r.Full = &sarifText{Text: Clean(doc.Meaning)}
		r.Help = &sarifText{Text: helpOf(doc)}
	}
	return r
}

// helpOf is the page of a check as text.
func helpOf(doc check.Doc) string {
	var parts []string
	for _, p := range []struct{ title, text string }{
		{"What it means", doc.Meaning}, {"How we know", doc.Detection}, {"Why it happens", doc.Cause},
		{"How to fix it", doc.Fix}, {"How to verify", doc.Verify}, {"References", strings.Join(doc.References, "\n")},
	} {
		if p.text != "" {
			parts = append(parts, p.title+"\n"+Clean(p.text))
		}
	}
	return strings.Join(parts, "\n\n")
}

// firstLink returns the first reference that is a web address.
func firstLink(references []string) string {
	for _, r := range references {
		if isLink(r) {
			return r
		}
	}
	return ""
}

func (d *Doctor) sarifResult(f Finding, rule int, project string) sarifResult {
	kind, level := sarifLevel(f.Severity)
	r := sarifResult{
		RuleID: Clean(f.Code), RuleIndex: rule, Kind: kind, Level: level, Message: sarifText{Text: sarifMessage(f)},
		Fingerprints: map[string]string{"bulkheadFinding/v1": fingerprint(f)},
		Properties: sarifProperties{
			Confidence: f.Confidence, Subject: CleanLine(f.Subject), RootCause: Clean(f.RootCause), Plugin: Clean(f.Plugin),
			Explains: d.explainedBy(f.ID), Fixes: remedyLines(f.Remedies), Verify: mapped(f.Verify, Clean),
		},
	}
	r.Locations, r.Related = sarifLocations(f, project)
	if f.Waived != nil {
		r.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: CleanLine(f.Waived.String())}}
	}
	return r
}

// explainedBy lists the findings that are folded under one.
func (d *Doctor) explainedBy(id string) []string {
	for _, c := range d.RootCauses {
		if c.ID == id {
			return mapped(c.Explains, Clean)
		}
	}
	return nil
}

func sarifLevel(severity string) (kind, level string) {
	switch severity {
	case Error, Warning:
		return "fail", severity
	case Info:
		return "fail", "note"
	}
	return "open", "none"
}

// sarifMessage is what a reader of the log sees first: sentences.
func sarifMessage(f Finding) string {
	parts := []string{sentence(CleanLine(titled(f.Title, f.Subject)))}
	for _, s := range []string{f.Detail, f.Cause} {
		if s = CleanLine(s); s != "" {
			parts = append(parts, sentence(s))
		}
	}
	if len(f.Remedies) > 0 {
		parts = append(parts, "Fix: "+sentence(CleanLine(f.Remedies[0].Summary)))
	}
	return strings.Join(parts, " ")
}

func sentence(s string) string {
	if s == "" || strings.ContainsRune(".?!:", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}

// fingerprint is the same for the same fault in every run: it depends on the
// code and the subject only.
func fingerprint(f Finding) string {
	sum := sha256.Sum256([]byte(f.Code + "\x00" + f.Subject))
	return hex.EncodeToString(sum[:16])
}

// sarifLocations puts the file that tells most first and the others beside it.
func sarifLocations(f Finding, project string) (primary, related []sarifLocation) {
	files := slices.DeleteFunc(slices.Clone(f.Evidence), func(e fact.Evidence) bool { return e.Path == "" })
	slices.SortStableFunc(files, func(a, b fact.Evidence) int { return worth(b, project) - worth(a, project) })
	logical := []sarifLogical{{Name: cmp.Or(CleanLine(f.Subject), "machine"), FullName: Clean(f.ID), Kind: "resource"}}
	if len(files) == 0 {
		return []sarifLocation{{Logical: logical}}, nil
	}
	first := locationOf(files[0], project)
	first.Logical = logical
	for i, e := range files[1:] {
		l := locationOf(e, project)
		l.ID = i + 1
		related = append(related, l)
	}
	return []sarifLocation{first}, related
}

// worth ranks evidence as a location: in the project first, then with a line.
func worth(e fact.Evidence, project string) (n int) {
	if _, inside := relative(e.Path, project); inside {
		n += 2
	}
	if e.Line > 0 {
		n++
	}
	return n
}

func locationOf(e fact.Evidence, project string) sarifLocation {
	p := &sarifPhysical{Artifact: sarifArtifact{URI: fileURI(e.Path)}}
	if rel, ok := relative(e.Path, project); ok {
		p.Artifact = sarifArtifact{URI: escapedPath(rel), Base: projectBase}
	}
	if e.Line > 0 {
		p.Region = &sarifRegion{StartLine: e.Line}
	}
	l := sarifLocation{Physical: p}
	if value := CleanLine(e.Value); value != "" {
		l.Message = &sarifText{Text: value}
	}
	return l
}

func (d *Doctor) sarifInvocation(opt Options) sarifInvocation {
	i := sarifInvocation{
		Successful: !d.Summary.TimedOut && !d.isPartial(), ExitCode: opt.ExitCode,
		Start: d.StartedAt.UTC().Format(time.RFC3339),
		End:   d.StartedAt.Add(time.Duration(d.DurationMS * float64(time.Millisecond))).UTC().Format(time.RFC3339),
	}
	if opt.ExitCode != nil {
		i.ExitDescription = fmt.Sprintf("%s (0 healthy, 1 warnings, 2 errors, 3 time-out)", counts(d.Summary))
	}
	for _, diag := range d.Diagnostics {
		level := diag.Severity
		if level != Error && level != Warning {
			level = "note"
		}
		i.Notifications = append(i.Notifications, sarifNotification{Level: level, Message: sarifText{Text: CleanLine(sentence(diag.Summary) + " " + diag.Detail)}})
	}
	return i
}
