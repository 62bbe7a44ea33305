// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// escape clears a terminal, retitles its window and forges a line.
const escape = "\x1b[2J\x1b]0;owned\x07\r\nBulkhead: all is well\u202e"

// doctors are a collector and a check that do what kind says.
func doctors(kind string) []plugin.Service {
	collector := fact.Collector{
		Name: "evil", Summary: "Observes " + kind,
		Facts:   []fact.Description{{Address: "evil.seen", Summary: "Always true", Type: "bool"}},
		Collect: func(_ context.Context, _ *fact.Target, record *fact.Recorder) error { return collect(kind, record) },
	}
	finding := check.Check{
		Code: "evil.found", Title: "Evil was found", Area: "system", Needs: []string{"evil.seen"},
		Doc: check.Doc{Meaning: "A test runs."},
		Run: func(c *check.Context) { judge(kind, c) },
	}
	if kind == "wrong-code" {
		finding.Code = "EVIL!"
	}
	return []plugin.Service{fact.Serve(collector), check.Serve(finding)}
}

func collect(kind string, record *fact.Recorder) error {
	switch kind {
	case "exit-collect":
		os.Exit(7)
	case "hang-collect":
		hang()
	case "flood":
		line := strings.Repeat("flood ", 170)
		for range 4 << 10 {
			plugin.Logger().Info(line)
		}
	case "escapes":
		plugin.Logger().Warn("escape " + escape)
		record.Add("evil.seen", true, fact.Evidence{Path: "/tmp/" + escape, Value: escape})
		return nil
	}
	record.Add("evil.seen", true)
	return nil
}

func judge(kind string, c *check.Context) {
	switch kind {
	case "crash-check":
		panic("index out of the zoo")
	case "escapes":
		c.Report(check.Finding{
			Title: "Title" + escape, Severity: check.Warning, Subject: escape, Detail: "Detail " + escape, Cause: escape,
			Evidence: c.Evidence("evil.seen"), Verify: []string{"true" + escape},
			Remedies: []check.Remedy{{ID: "x", Summary: escape, Kind: check.Advice, Risk: check.Low, Preview: []string{escape}}},
		})
	}
}

// hang ignores everything that can be ignored.
func hang() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	time.Sleep(patience)
}
