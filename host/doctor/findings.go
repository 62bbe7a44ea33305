// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// excess says in a clause why a finding is refused, or nothing.
func excess(f *pluginv1.Finding) string {
	switch {
	case report.CleanLine(f.GetTitle()) == "":
		return "a finding needs a title"
	case max(len(f.GetTitle()), len(f.GetSubject())) > maxLineBytes:
		return fmt.Sprintf("title and subject may have %d bytes", maxLineBytes)
	case max(len(f.GetDetail()), len(f.GetCause())) > maxProseBytes:
		return fmt.Sprintf("detail and cause may have %d bytes", maxProseBytes)
	case len(f.GetEvidence()) > maxEvidence:
		return fmt.Sprintf("a finding may have %d pieces of evidence", maxEvidence)
	case max(len(f.GetExplains()), len(f.GetVerify())) > maxExplains:
		return fmt.Sprintf("a finding may explain %d codes and name as many commands", maxExplains)
	case len(f.GetRemedies()) > maxRemedies:
		return fmt.Sprintf("a finding may have %d remedies", maxRemedies)
	case math.IsNaN(f.GetConfidence()) || f.GetConfidence() < 0 || f.GetConfidence() > 1:
		return "confidence is a number from 0 to 1"
	}
	for _, r := range f.GetRemedies() {
		if len(r.GetPreview()) > maxPreviewRows || len(r.GetSummary()) > maxProseBytes || longest(r.GetPreview()) > maxProseBytes {
			return fmt.Sprintf("a remedy may have %d lines", maxPreviewRows)
		}
	}
	if max(longest(f.GetExplains()), longest(f.GetVerify())) > maxProseBytes {
		return fmt.Sprintf("a line may have %d bytes", maxProseBytes)
	}
	return ""
}

func longest(lines []string) (n int) {
	for _, line := range lines {
		n = max(n, len(line))
	}
	return n
}

// readFinding reads a finding from the wire and applies the user's severity.
func readFinding(plugin, area string, wire *pluginv1.Finding, s Selection) report.Finding {
	f := check.FromProto(wire)
	severity := f.Severity
	if set, ok := s.Severity[f.Code]; ok && severity != check.Unknown {
		severity = set
	}
	return report.Finding{
		Code: f.Code, Area: area, Severity: severity.String(), Confidence: f.Confidence,
		Subject: report.CleanLine(f.Subject), Title: report.CleanLine(f.Title),
		Detail: report.Clean(f.Detail), Cause: report.Clean(f.Cause),
		Evidence: evidenceOf(wire.GetEvidence()), Explains: cleanLines(f.Explains),
		Remedies: readRemedies(f.Remedies), Verify: cleanLines(f.Verify), Plugin: plugin,
	}
}

func readRemedies(remedies []check.Remedy) []report.Remedy {
	var out []report.Remedy
	for _, r := range remedies {
		out = append(out, report.Remedy{
			ID: report.CleanLine(r.ID), Summary: report.CleanLine(r.Summary), Kind: report.CleanLine(r.Kind),
			Risk: riskName(r.Risk), Preview: cleanLines(r.Preview),
		})
	}
	return out
}

func riskName(r check.Risk) string {
	switch r {
	case check.Low:
		return "low"
	case check.Medium:
		return "medium"
	case check.High:
		return "high"
	}
	return "unknown"
}

// cleanLines keeps the line feeds and the indentation of previews.
func cleanLines(lines []string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, report.Clean(line))
	}
	return out
}

// sort puts everything into the order of the report and names the findings.
func (c *Checked) sort() {
	slices.SortStableFunc(c.Findings, compareFindings)
	slices.SortFunc(c.Skipped, func(a, b report.Skip) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Reason, b.Reason))
	})
	sortDiagnostics(c.Diagnostics)
	seen := map[string]int{}
	for i := range c.Findings {
		f := &c.Findings[i]
		f.ID = f.Code
		if f.Subject != "" {
			f.ID += "[" + f.Subject + "]"
		}
		if seen[f.ID]++; seen[f.ID] > 1 {
			f.ID += fmt.Sprintf("#%d", seen[f.ID])
		}
	}
}

// compareFindings orders by gravity, then by everything that tells two
// findings apart.
func compareFindings(a, b report.Finding) int {
	return cmp.Or(
		cmp.Compare(weight(b), weight(a)), cmp.Compare(gravity(b.Severity), gravity(a.Severity)),
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject),
		cmp.Compare(a.Title, b.Title), cmp.Compare(a.Detail, b.Detail), cmp.Compare(a.Cause, b.Cause),
		cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Plugin, b.Plugin),
		slices.Compare(a.Explains, b.Explains), slices.Compare(a.Verify, b.Verify),
	)
}

func sortDiagnostics(ds []report.Diagnostic) {
	slices.SortStableFunc(ds, func(a, b report.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Plugin, b.Plugin), cmp.Compare(a.Summary, b.Summary), cmp.Compare(a.Detail, b.Detail))
	})
}

// gravity orders severities.
func gravity(severity string) int {
	switch severity {
	case report.Error:
		return 4
	case report.Warning:
		return 3
	case report.Unknown:
		return 2
	}
	return 1
}
