// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

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
