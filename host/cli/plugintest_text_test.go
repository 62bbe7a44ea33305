// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestSuiteIsPatient: how soon a plugin ends is what the rules ask; what ends an
// instance after a rule allows for a machine that is busy.
func TestSuiteIsPatient(t *testing.T) {
	if l := suiteLauncher(&catalog.Launcher{}); l.DrainTimeout < 5*time.Second {
		t.Errorf("an instance gets %v to end", l.DrainTimeout)
	}
}

// TestContractTextIsClean: the names of cases are those of files that strangers
// bring, and must neither drive a terminal nor look like another line.
func TestContractTextIsClean(t *testing.T) {
	c := contract{Report: plugintest.Report{Plugin: "a", Seed: 1, Cases: []plugintest.Case{
		{Name: "fixture/\x1b]0;x\x07\npassed   life/drain", Status: plugintest.Failed, Detail: "\x1b[2J\nexpected 1"},
	}}, Failed: 1}
	var out strings.Builder
	if err := c.WriteText(&out, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.ContainsAny(text, "\x1b\x07") || strings.Contains(text, "\npassed") {
		t.Errorf("%q", text)
	}
}
