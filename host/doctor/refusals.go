// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// refusals counts what was refused of one plugin by reason, so that a plugin
// that lies ten thousand times is one diagnostic.
type refusals struct {
	plugin string
	what   string // "fact", "finding"
	order  []string
	counts map[string]int
	names  map[string][]string
}

const maxExamples = 3

func (r *refusals) add(reason, name string) {
	if r.counts == nil {
		r.counts, r.names = map[string]int{}, map[string][]string{}
	}
	if r.counts[reason] == 0 {
		r.order = append(r.order, reason)
	}
	r.counts[reason]++
	if len(r.names[reason]) < maxExamples {
		r.names[reason] = append(r.names[reason], bounded(report.CleanLine(name), 100))
	}
}

// diagnostics tells of the refusals, in the order of the reasons.
func (r *refusals) diagnostics() []report.Diagnostic {
	slices.Sort(r.order)
	var out []report.Diagnostic
	for _, reason := range r.order {
		n := r.counts[reason]
		examples := strings.Join(r.names[reason], ", ")
		if n > maxExamples {
			examples += fmt.Sprintf(" and %d more", n-maxExamples)
		}
		out = append(out, report.Diagnostic{
			Severity: report.Error, Plugin: r.plugin,
			Summary: fmt.Sprintf("Refused %s of plugin %s", r.noun(n), r.plugin),
			Detail:  fmt.Sprintf("%s: %s. This is a bug of the plugin; report it to its author.", upperFirst(reason), examples),
		})
	}
	return out
}

func (r *refusals) noun(n int) string {
	if n == 1 {
		return "a " + r.what
	}
	return fmt.Sprintf("%d %ss", n, r.what)
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// bounded cuts s to max bytes at the edge of a character.
func bounded(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "") + "..."
}

// diagnosticsOf reads the diagnostics of a plugin: cleaned, bounded, and with
// a stack trace moved out of the prose.
func diagnosticsOf(plugin string, ds []*pluginv1.Diagnostic) []report.Diagnostic {
	extra := len(ds) - MaxDiagnostics
	if extra > 0 {
		ds = ds[:MaxDiagnostics]
	}
	var out []report.Diagnostic
	for _, d := range diag.FromProto(ds) {
		detail, trace := splitTrace(d.Detail)
		out = append(out, report.Diagnostic{
			Severity: severityOfDiagnostic(d.Severity), Plugin: plugin,
			Summary: cmp.Or(bounded(report.CleanLine(d.Summary), maxLineBytes), "Message without a summary"),
			Detail:  detail, Path: pathOf(d.Path), Debug: trace,
		})
	}
	if extra > 0 {
		out = append(out, report.Diagnostic{Severity: report.Warning, Plugin: plugin,
			Summary: fmt.Sprintf("%d further messages of plugin %s were left out", extra, plugin)})
	}
	return out
}

// pathOf bounds and cleans where in a plugin's settings a message points.
func pathOf(path []string) (out []string) {
	for _, step := range path[:min(len(path), maxSteps)] {
		out = append(out, bounded(report.CleanLine(step), maxLineBytes))
	}
	return out
}

func severityOfDiagnostic(s diag.Severity) string {
	switch s {
	case diag.Warning:
		return report.Warning
	case diag.Info:
		return report.Info
	}
	return report.Error
}

// splitTrace parts the message of a panic from its stack trace, which the SDK
// puts on the lines after it.
func splitTrace(s string) (message, trace string) {
	s = bounded(report.Clean(s), maxProseBytes)
	head, tail, ok := strings.Cut(s, "\ngoroutine ")
	if !ok {
		return s, ""
	}
	return strings.TrimSpace(head), "goroutine " + tail
}
