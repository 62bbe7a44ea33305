// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// reportDiags turns configuration diagnostics into those of reports. Both have
// one JSON form, which the tests of both packages hold to its schema.
func reportDiags(ds config.Diagnostics) []report.Diagnostic {
	out := []report.Diagnostic{}
	data, err := json.Marshal(ds.JSON())
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return []report.Diagnostic{{Severity: report.Error, Summary: "A diagnostic that cannot be shown", Detail: err.Error()}}
	}
	return out
}

func reportSandbox(r sandbox.Report, denials []sandbox.Denial) report.Sandbox {
	out := report.Sandbox{Level: r.Level.String(), Profile: r.Profile, Verified: r.Verified, Walls: []report.Wall{}, Fallen: r.Fallen}
	for _, w := range r.Walls {
		out.Walls = append(out.Walls, report.Wall{Name: w.Name, On: w.On, Detail: w.Detail})
	}
	for _, s := range r.Skipped {
		out.Skipped = append(out.Skipped, s.Source+": "+s.Reason)
	}
	for _, d := range denials {
		out.Refused = append(out.Refused, report.Refusal{What: d.Call, Count: d.Count, Grant: d.Grant})
	}
	return out
}

// tellRefusals adds what plugins were refused until now.
func (s *session) tellRefusals(plugins []report.Plugin) {
	for _, r := range s.launcher.Running() {
		for i := range plugins {
			if plugins[i].Name == r.Entry.Name {
				plugins[i].Sandbox.Refused = reportSandbox(r.Sandbox(), r.Denials()).Refused
			}
		}
	}
}

func reportPlugin(r *catalog.Running) report.Plugin {
	return report.Plugin{
		Name: r.Entry.Name, Version: r.Description.GetVersion(), Digest: r.Digest(), Sandbox: reportSandbox(r.Sandbox(), r.Denials()),
	}
}

// each calls f for 0 to n-1 at the same time and waits.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
