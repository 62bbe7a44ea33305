// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/doctor"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// finding is a check and the plugin that has it.
type finding struct {
	*pluginv1.CheckDescription
	plugin string
}

// findings are the checks of all plugins in the order of their codes.
func findings(plugins []*pluginv1.DescribeResponse) []finding {
	var out []finding
	for _, d := range plugins {
		for _, c := range d.GetChecks() {
			out = append(out, finding{c, "plugin " + d.GetName()})
		}
	}
	for _, p := range doctor.Pages() {
		out = append(out, finding{hostCheck(p), "of the host itself"})
	}
	slices.SortFunc(out, func(a, b finding) int { return cmp.Compare(a.GetCode(), b.GetCode()) })
	return out
}

// hostCheck is a page of the host's own in the form of a check.
func hostCheck(p doctor.Page) *pluginv1.CheckDescription {
	return &pluginv1.CheckDescription{Code: p.Code, Title: p.Title, Area: p.Area, Documentation: &pluginv1.Documentation{
		Meaning: p.Doc.Meaning, Detection: p.Doc.Detection, Cause: p.Doc.Cause, Fix: p.Doc.Fix, Verify: p.Doc.Verify, References: p.Doc.References,
	}}
}

func findingFile(f finding) string { return "findings/" + f.GetCode() + ".md" }

// addFindings makes the page of each finding: what `bulkhead explain` prints.
func (p pages) addFindings(plugins []*pluginv1.DescribeResponse) {
	for _, f := range findings(plugins) {
		p[findingFile(f)] = findingPage(f)
	}
}

func findingPage(f finding) string {
	var out page
	doc := f.GetDocumentation()
	out.line("# %s\n\n%s", f.GetCode(), prose(f.GetTitle()))
	out.section("What it means", doc.GetMeaning())
	out.section("How we know", doc.GetDetection())
	out.section("Why it happens", doc.GetCause())
	out.section("How to fix it", doc.GetFix())
	out.section("How to verify", doc.GetVerify())
	if settings := f.GetConfig(); len(settings.GetAttributes()) > 0 {
		out.line("\n## Settings\n\nIn the `config` block of `check %q`.", f.GetCode())
		out.settings(settings)
	}
	if refs := doc.GetReferences(); len(refs) > 0 {
		out.line("\n## References\n")
		for _, ref := range refs {
			out.line("- %s", reference(ref))
		}
	}
	out.line("\nArea %s, %s.", f.GetArea(), f.plugin)
	if needs := f.GetNeeds(); len(needs) > 0 {
		out.line("The check is skipped where one of these facts was not observed: %s.", codes(needs))
	}
	return out.String()
}

// reference is a link, or the words for what has none.
func reference(ref string) string {
	if strings.HasPrefix(ref, "https://") || strings.HasPrefix(ref, "http://") {
		return "<" + ref + ">"
	}
	return prose(ref)
}
