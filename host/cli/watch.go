// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
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
	seen := sight{report: d.report}
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
		for _, line := range seen.next(next.report, err) {
			fmt.Fprintln(a.stdout, time.Now().Format(time.TimeOnly), line)
		}
	}
}

// sight is what a watch has told so far.
type sight struct {
	report  report.Doctor
	trouble string
}

// next takes the report of a round, or why there is none, and returns what is new.
// A round that sees nothing, or not everything, ends no watch and no finding: it
// is told when it begins and when it is over.
func (s *sight) next(rep report.Doctor, failed error) []string {
	var out []string
	trouble := troubleOf(rep, failed)
	switch {
	case trouble == s.trouble:
	case trouble == "":
		out = append(out, "ok    the diagnosis is whole again")
	default:
		out = append(out, "error "+trouble)
	}
	s.trouble = trouble
	if failed != nil {
		return out
	}
	if trouble != "" {
		rep = s.kept(rep)
	}
	out = append(out, changes(s.report, rep)...)
	s.report = rep
	return out
}

// kept adds to a report that is not whole the findings that stood before.
func (s *sight) kept(rep report.Doctor) report.Doctor {
	rep.Findings = slices.Clone(rep.Findings)
	for _, f := range s.report.Findings {
		if !hasFinding(rep, f) {
			rep.Findings = append(rep.Findings, f)
		}
	}
	rep.Summary.Worst = s.report.Summary.Worst
	return rep
}

// troubleOf says why a round did not see everything; "" when it did.
func troubleOf(rep report.Doctor, failed error) string {
	if failed != nil {
		text := failed.Error()
		if f, ok := errors.AsType[*failure](failed); ok && len(f.diags) > 0 {
			text = f.diags[0].Summary + ": " + f.diags[0].Detail
		}
		return report.CleanLine("nothing could be examined: " + text)
	}
	for _, d := range rep.Diagnostics {
		if d.Severity == report.Error {
			return report.CleanLine(strings.TrimSpace(d.Plugin + " " + d.Summary))
		}
	}
	return ""
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
