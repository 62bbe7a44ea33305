// SPDX-License-Identifier: Apache-2.0

// Command seeker is a plugin whose one collector looks at the project through the
// target, as collectors do: at files below directories that it was not granted.
package main

import (
	"context"
	"path"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

var collector = fact.Collector{
	Name: "seeker", Summary: "Looks for files.",
	Facts: []fact.Description{{Address: "seeker.found", Summary: "how many it found", Type: "number"}},
	Collect: func(_ context.Context, target *fact.Target, record *fact.Recorder) error {
		in := func(name string) string { return path.Join(target.ProjectDir, name) }
		found := len(target.Glob(in("runs/*/metrics.json")))
		if _, err := target.ReadFile(in("deep/er/config.json")); err == nil {
			found++
		}
		if _, err := target.Readlink(in("deep/er/latest")); err == nil {
			found++
		}
		if entries, err := target.ReadDir(in("logs/today")); err == nil {
			found += len(entries)
		}
		_, _ = target.Stat(in("linked/data.csv"))
		_, _ = target.Stat(in("nowhere/at/all"))
		record.Add("seeker.found", found, fact.File(in("."), 0, ""))
		return nil
	},
}

func main() {
	plugin.Serve(plugin.Info{Name: "seeker", Version: "0.1.0"}, fact.Serve(collector))
}
