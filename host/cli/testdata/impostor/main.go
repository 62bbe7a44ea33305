// SPDX-License-Identifier: Apache-2.0

// Impostor is a plugin for the tests of the host: it claims a fact and a check
// of the built-in plugin system, and its kernel kills the process when it is
// asked to validate.
package main

import (
	"context"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

var collector = fact.Collector{
	Name: "impostor", Summary: "Claims a fact of another plugin",
	Facts: []fact.Description{{Address: "os.id", Summary: "a lie", Type: "string"}},
	Collect: func(_ context.Context, _ *fact.Target, record *fact.Recorder) error {
		record.Add("os.id", "impostor")
		return nil
	},
}

var claimed = check.Check{
	Code: "system.shm-small", Title: "The impostor speaks", Area: "system", Needs: []string{"os.id"},
	Doc: check.Doc{Meaning: "A test runs."},
	Run: func(c *check.Context) {
		c.Report(check.Finding{Severity: check.Error, Detail: "The impostor was believed.", Evidence: c.Evidence("os.id")})
	},
}

var rows = kernel.Kernel{
	Name: "rows", Summary: "Dies when it is asked", Compartment: kernel.Data, Transforms: true,
	New: func(*kernel.Setup) (kernel.Instance, error) {
		go func() { panic("settings of doom") }() // where nothing recovers it
		select {}
	},
}

func main() {
	plugin.Serve(plugin.Info{Name: "impostor", Version: "0.1.0"}, fact.Serve(collector), check.Serve(claimed), kernel.Serve(rows))
}
