// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// AddRecorded puts the recorded answers of a machine in the place of what was
// collected: no collector can ask a library or a service of a machine that does
// not run. A fact that breaks the rules, or that no plugin describes, is left
// out with a diagnostic.
func (c *Collected) AddRecorded(recorded []fact.Fact, plugins []Plugin) {
	if len(recorded) == 0 {
		return
	}
	described := map[string]bool{}
	for _, p := range plugins {
		for address := range describedFacts(p.Description) {
			described[address] = true
		}
	}
	all := c.Facts.All()
	for _, f := range recorded {
		if why := refuseRecorded(f, described); why != "" {
			c.Diagnostics = append(c.Diagnostics, report.Diagnostic{
				Severity: report.Warning, Summary: "A recorded fact is left out", Detail: why,
			})
			continue
		}
		f.Value = report.CanonicalValue(f.Value)
		all = slices.DeleteFunc(all, func(old fact.Fact) bool { return old.Address == f.Address })
		all = append(all, f)
	}
	c.Facts = fact.NewSet(all)
	sortDiagnostics(c.Diagnostics)
}

// refuseRecorded says why a recorded fact cannot stand.
func refuseRecorded(f fact.Fact, described map[string]bool) string {
	if err := report.CheckFact(f); err != nil {
		return "The machine's recording: " + err.Error() + "."
	}
	if !described[report.WithoutKeys(f.Address)] {
		return fmt.Sprintf("The machine's recording has the fact %s, which no plugin describes.", f.Address)
	}
	return ""
}
