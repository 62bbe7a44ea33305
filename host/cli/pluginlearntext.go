// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/learn"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// lesson is what `bulkhead plugin learn` prints.
type lesson struct {
	SchemaVersion string `json:"schema_version"`
	Plugin        string `json:"plugin"`
	// Doing is what the plugin was run for.
	Doing string `json:"doing"`
	// CutShort says why the run ended before its time: what came after was not seen.
	CutShort string `json:"cut_short,omitempty"`
	// Written is the manifest that was changed.
	Written string `json:"written,omitempty"`
	learn.Proposal
}

// learnt prints a proposal, and writes it where that was asked for.
func (a *app) learnt(l *learnFlags, e *catalog.Entry, p learn.Proposal, t *traced, doing string) error {
	out := lesson{SchemaVersion: report.SchemaVersion, Plugin: e.Name, Doing: doing, CutShort: t.cut, Proposal: p}
	if l.write {
		name, err := writeGrants(e, out.manifest(e.Manifest.Grants))
		if err != nil {
			return failed("The manifest could not be written", err)
		}
		out.Written = name
	}
	return a.result(out)
}

// manifest are the grants to write. A run that was cut short says nothing of those that
// were not used.
func (l lesson) manifest(asked []manifest.Grant) []manifest.Grant {
	out := slices.Concat(l.Grants, l.NotHere)
	if l.CutShort == "" {
		return out
	}
	for _, g := range asked {
		if !slices.ContainsFunc(out, func(have manifest.Grant) bool { return have.String() == g.String() }) {
			out = append(out, g)
		}
	}
	return out
}

// more reports whether a run with what is proposed may show more.
func (l lesson) more() bool {
	return slices.ContainsFunc(l.Refused, func(r learn.Refusal) bool { return r.Grant != "" })
}

// WriteJSON writes the proposal as one JSON document.
func (l lesson) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText tells what was seen, and ends with the part of a manifest.
func (l lesson) WriteText(w io.Writer, opt report.Options) error {
	say(w, opt, "%s, while %s: %s", l.Plugin, l.Doing, l.Count())
	writeJudged(w, opt, "asked for and not used:", l.Unused)
	writeJudged(w, opt, "cannot be seen from outside, and kept:", l.Unseen)
	l.writeRefused(w, opt)
	l.writeNotHere(w, opt)
	if len(l.Elsewhere) > 0 {
		fmt.Fprintln(w)
		say(w, opt, "looked for outside of what a plugin is shown; below BULKHEAD_TARGET_ROOT a grant shows it:")
		writePaths(w, opt, l.Elsewhere)
	}
	if opt.Verbose && len(l.Absent) > 0 {
		fmt.Fprintln(w, "\nlooked for, and not on this machine:")
		writePaths(w, opt, l.Absent)
	}
	if l.Lost > 0 {
		fmt.Fprintf(w, "\n%s of files could not be recorded; the proposal may lack some\n", count(l.Lost, "use", "uses"))
	}
	if l.CutShort != "" {
		fmt.Fprintln(w)
		say(w, opt, "The run was cut short: %s. The proposal may lack grants, and --write keeps those of the manifest that were not used.", report.CleanLine(l.CutShort))
	}
	if l.more() {
		fmt.Fprintln(w)
		say(w, opt, "What it was refused it may look into: run it again with these grants, until nothing new is refused.")
	}
	if l.Written != "" {
		_, err := fmt.Fprintf(w, "\nwritten to %s\n", report.CleanLine(l.Written))
		return err
	}
	fmt.Fprintln(w)
	return l.writeFragment(w)
}

func writeJudged(w io.Writer, opt report.Options, title string, list []learn.Judged) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, j := range list {
		writeColumns(w, opt, "  "+report.CleanLine(j.Grant), j.Remark)
	}
}

func (l lesson) writeRefused(w io.Writer, opt report.Options) {
	if len(l.Refused) == 0 {
		return
	}
	fmt.Fprintln(w, "\nrefused:")
	for _, r := range l.Refused {
		text := r.Reason
		if r.Grant != "" {
			text = "proposed"
		}
		writeColumns(w, opt, "  "+report.CleanLine(r.What), fmt.Sprintf("%s (%s)", text, count(r.Count, "time", "times")))
	}
	if l.More > 0 {
		fmt.Fprintf(w, "  and %d more, which are not listed\n", l.More)
	}
}

// writeNotHere lists what this machine cannot decide.
func (l lesson) writeNotHere(w io.Writer, opt report.Options) {
	if !opt.Verbose || len(l.NotHere) == 0 {
		return
	}
	fmt.Fprintln(w, "\nnot on this machine, so that nothing is known; --write keeps them:")
	for _, g := range l.NotHere {
		fmt.Fprintf(w, "  %s\n", report.CleanLine(g.String()))
	}
}

func writePaths(w io.Writer, opt report.Options, list []string) {
	const most = 12
	for i, p := range list {
		if i == most && !opt.Verbose {
			fmt.Fprintf(w, "  and %d more; -v lists them\n", len(list)-most)
			return
		}
		fmt.Fprintf(w, "  %s\n", report.CleanLine(p))
	}
}

// writeFragment writes the grants as they stand in a manifest.
func (l lesson) writeFragment(w io.Writer) error {
	lines := make([]string, len(l.Grants))
	for i, g := range l.Grants {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(g); err != nil {
			return err
		}
		lines[i] = "  " + strings.TrimSpace(b.String())
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintln(w, `"grants": []`)
		return err
	}
	_, err := fmt.Fprintf(w, "\"grants\": [\n%s\n]\n", strings.Join(lines, ",\n"))
	return err
}
