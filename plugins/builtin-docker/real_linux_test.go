// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestThisMachine compares what is said of the machine that runs the test with
// its PATH and process table.
func TestThisMachine(t *testing.T) {
	target := plugintest.ThisMachine()
	set := fact.NewSet(plugintest.Observe(t, target, collectors()...))
	for _, f := range set.All() {
		t.Logf("%s = %s %s", f.Address, f.Value, f.Unknown)
	}
	for _, o := range check.Run(t.Context(), set, checks(), nil) {
		t.Log(o.Code, o.Status, o.Reason)
		for _, f := range o.Findings {
			t.Logf("  %s %s: %s %v", f.Severity, f.Subject, f.Detail, f.Remedies)
		}
	}
	if client := set.String("docker.client.path"); client != "" {
		if _, err := exec.LookPath(client); err != nil {
			t.Errorf("docker.client.path: %v", err)
		}
	} else if found, err := exec.LookPath("docker"); err == nil && !isPodmanScript(target, found) {
		t.Logf("docker is at %s, outside of the places looked at", found)
	}
	if _, err := exec.LookPath("dockerd"); err == nil && !set.Bool("docker.engine.installed") {
		t.Error("dockerd is on the PATH and no engine was seen")
	}
}
