// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"maps"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// results says of every selected check what became of it, by code.
func (c *Checked) results() []report.CheckResult {
	status := map[string]string{}
	for _, s := range c.Skipped {
		if s.Subject == "" {
			status[s.Code] = report.Skipped
		}
	}
	for _, f := range c.Findings {
		if f.Code == CheckFailed {
			status[f.Subject] = report.CheckCrashed
			continue
		}
		status[f.Code] = report.CheckFound
	}
	out := make([]report.CheckResult, 0, len(c.areas))
	for _, code := range slices.Sorted(maps.Keys(c.areas)) {
		result := report.CheckResult{Code: code, Area: c.areas[code], Title: c.titles[code], Status: report.CheckPassed, Plugin: c.owners[code]}
		if s, ok := status[code]; ok {
			result.Status = s
		}
		out = append(out, result)
	}
	return out
}
