// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"github.com/bulkhead-ml/bulkhead/host/report"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// CheckFailed is the code of the finding that a check crashed.
const CheckFailed = "bulkhead.check-failed"

// outcomes notes what became of the checks that a plugin was asked for, and
// returns those that crashed. An answer for a check that was not asked for is
// ignored; the lack of one means that the check did not run.
func (c *Checked) outcomes(p Plugin, codes []string, areas map[string]string, outcomes []*pluginv1.CheckOutcome) (failed map[string]bool) {
	byCode := make(map[string]*pluginv1.CheckOutcome, len(outcomes))
	for _, o := range outcomes {
		byCode[o.GetCode()] = o
	}
	failed = map[string]bool{}
	for _, code := range codes {
		switch o := byCode[code]; o.GetStatus() {
		case pluginv1.CheckOutcome_STATUS_RAN:
			c.Ran++
		case pluginv1.CheckOutcome_STATUS_FAILED:
			c.Ran++
			failed[code] = true
			c.crashed(p.Name, code, areas[code], o.GetReason())
		case pluginv1.CheckOutcome_STATUS_SKIPPED:
			c.Skipped = append(c.Skipped, report.Skip{Code: code, Reason: bounded(report.CleanLine(o.GetReason()), maxProseBytes)})
		default:
			c.lost[code] = true
			c.Skipped = append(c.Skipped, report.Skip{Code: code, Reason: "plugin " + p.Name + " did not say what became of it"})
		}
	}
	return failed
}

// crashed turns the crash of a check into a finding, and its stack trace into
// a diagnostic for the author.
func (c *Checked) crashed(plugin, code, area, reason string) {
	message, trace := splitTrace(reason)
	c.Findings = append(c.Findings, report.Finding{
		Code: CheckFailed, Area: area, Severity: report.Unknown, Confidence: 1, Subject: code, Plugin: plugin,
		Title:  "A check crashed",
		Detail: "Whether its fault is there is not known: " + bounded(report.CleanLine(message), maxLineBytes) + ".",
		Cause:  "This is a bug of the plugin. Report it to its author with the output of: bulkhead doctor --debug",
	})
	if trace != "" {
		c.Diagnostics = append(c.Diagnostics, report.Diagnostic{
			Severity: report.Info, Plugin: plugin, Summary: "Stack trace of check " + code,
			Detail: "It is for the author of the plugin. Print it with: bulkhead doctor --debug", Debug: trace,
		})
	}
}
