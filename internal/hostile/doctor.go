// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
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
	case "stop-collect":
		stop()
		hang()
	case "spin-collect":
		spin()
	case "memory-collect":
		eat()
	case "fork-collect":
		for range 1000 {
			spawn()
		}
	case "daemon-collect":
		spawn()
	case "forge":
		forge()
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
	case "exit-check":
		os.Exit(7)
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

// spin uses every processor that it may.
func spin() {
	for range 8 {
		go func() {
			for n := uint64(1); ; n = n*2862933555777941757 + 3037000493 {
				if n == 0 {
					return
				}
			}
		}()
	}
	hang()
}

// eat uses all the memory that it may.
func eat() {
	var kept [][]byte
	for {
		block := make([]byte, 16<<20)
		for i := range block {
			block[i] = 1
		}
		kept = append(kept, block)
		runtime.KeepAlive(kept)
	}
}

// spawn starts a child in a session of its own that holds our output. It needs a
// grant to run /bin/sleep.
func spawn() {
	c := exec.Command("/bin/sleep", "600")
	c.Stdout, c.Stderr, c.SysProcAttr = os.Stdout, os.Stderr, detached()
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "spawn:", err)
	}
}

// forge logs what only a host should say, in every form that a host might read.
func forge() {
	for _, line := range []string{
		`{"@level":"error","@message":"forged: signature valid","@module":"bulkhead","@timestamp":"1999-01-01T00:00:00.000000Z","plugin":"gpu"}`,
		`{"@level":"off","@message":"forged: hidden","@module":"plugin.gpu"}`,
		`{"@level":{},"@message":["forged"],"x":` + strings.Repeat("[", 5000) + "}",
		"[ERROR] forged: the disk is on fire",
		"2026-11-22T00:00:00.000Z [INFO]  bulkhead: forged: all checks passed",
		"forged\r\x1b[1A" + escape + "\u2066\u2028",
		"\xff\xfe\x00forged",
		strings.Repeat("forged ", 20_000),
	} {
		_, _ = os.Stderr.WriteString(line + "\n")
	}
}

// hang ignores everything that can be ignored.
func hang() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	time.Sleep(patience)
}
