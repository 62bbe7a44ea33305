// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// defaultInterval is the time between two diagnoses of --watch.
const defaultInterval = 10 * time.Second

// watch says whether to diagnose again and again.
type watch struct {
	on    bool
	every time.Duration
}

// check refuses what cannot be meant.
func (w watch) check(a *app, e *examination) error {
	switch {
	case w.every < time.Second:
		return misuse("--interval %v: give at least a second", w.every)
	case a.flags.format != report.Text || a.flags.output != "":
		return misuse("--watch tells what changes, line by line; it goes with neither --format nor --output")
	case e.where.snapshot != "":
		return misuse("--watch looks at a machine; a snapshot does not change")
	}
	return nil
}

// watch prints a report, and then a line for each finding that comes or goes,
// until the user ends it. The exit code is that of an interrupted command.
func (a *app) watch(ctx context.Context, e *examination) error {
	if err := e.watch.check(a, e); err != nil {
		return err
	}
	d, err := a.diagnosis(ctx, e)
	if err != nil {
		return err
	}
	if err := a.result(d.report); err != nil {
		return err
	}
	a.warn("watching, every %v; Ctrl-C ends it", e.watch.every)
	for {
		select {
		case <-ctx.Done():
			return exit(ExitInterrupted)
		case <-time.After(e.watch.every):
		}
		next, err := a.diagnosis(ctx, e)
		if ctx.Err() != nil {
			return exit(ExitInterrupted)
		}
		if err != nil {
			return err
		}
		for _, line := range changes(d.report, next.report) {
			fmt.Fprintln(a.stdout, time.Now().Format(time.TimeOnly), line)
		}
		d = next
	}
}

// changes are the findings that came and went between two reports, the gravest
// first, and the health at the end when it changed.
func changes(before, after report.Doctor) []string {
	var out []string
	for _, f := range after.Findings {
		if !hasFinding(before, f) {
			out = append(out, "new   "+findingLine(f))
		}
	}
	for _, f := range before.Findings {
		if !hasFinding(after, f) {
			out = append(out, "gone  "+findingLine(f))
		}
	}
	if len(out) > 0 && before.Summary.Worst != after.Summary.Worst {
		out = append(out, "now   "+after.Summary.Worst)
	}
	return out
}

func hasFinding(d report.Doctor, f report.Finding) bool {
	return slices.ContainsFunc(d.Findings, func(g report.Finding) bool {
		return f.Code == g.Code && f.Subject == g.Subject && f.Severity == g.Severity
	})
}

func findingLine(f report.Finding) string {
	parts := []string{f.Severity, f.Title}
	if f.Subject != "" {
		parts = append(parts, "("+f.Subject+")")
	}
	return report.CleanLine(strings.Join(append(parts, "["+f.Code+"]"), " "))
}
