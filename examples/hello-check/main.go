// SPDX-License-Identifier: Apache-2.0

// Hello-check is a complete check plugin: it wants a machine with two CPUs.
package main

import (
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

var fewCPUs = check.Check{
	Code: "hello.few-cpus", Title: "Too few CPUs", Area: "system", Needs: []string{"cpu.count"},
	Doc: check.Doc{Meaning: "Data loading and training share one CPU."},
	Run: func(c *check.Context) {
		if n, _ := c.Facts.Int("cpu.count"); n < 2 {
			c.Report(check.Finding{Severity: check.Warning, Detail: "A data loader needs a CPU of its own.",
				Evidence: c.Evidence("cpu.count")})
		}
	},
}

var info, service = plugin.Info{Name: "hello-check", Version: "0.1.0"}, check.Serve(fewCPUs)

func main() { plugin.Serve(info, service) }
