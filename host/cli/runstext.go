// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
)

// runRecord is what `bulkhead runs show` prints.
type runRecord struct{ *runs.Record }

// WriteJSON writes the record as one JSON document.
func (r runRecord) WriteJSON(w io.Writer) error { return writeJSON(w, r.Record) }

// WriteText writes the record for a person.
func (r runRecord) WriteText(w io.Writer, opt report.Options) error {
	say(w, opt, "run %s of pipeline %s: %s", r.ID, r.Pipeline, r.Status)
	if r.Reason != "" {
		say(w, opt, "  %s", r.Reason)
	}
	say(w, opt, "started %s, took %s, by Bulkhead %s on %s", r.StartedAt.Local().Format("2006-01-02 15:04:05"), took(r.Wall), r.Host.Version, cmp.Or(r.Host.Name, r.Host.OS))
	if r.RerunOf != "" {
		say(w, opt, "repeats run %s", r.RerunOf)
	}
	if r.LostLines > 0 {
		say(w, opt, "damaged: %s of its nodes cannot be read", count(r.LostLines, "line", "lines"))
	}
	if err := r.nodes(w, opt); err != nil {
		return err
	}
	r.reasons(w, opt)
	r.owed(w, opt)
	r.files(w, opt)
	r.metrics(w, opt)
	return nil
}

func (r runRecord) nodes(w io.Writer, opt report.Options) error {
	fmt.Fprintln(w)
	rows := [][]string{{"node", "use", "status", "in", "out", "lost", "time", "cpu", "memory"}}
	for _, n := range r.Nodes {
		status := string(n.Status)
		if n.Cache == "hit" {
			status = "cached"
		}
		memory := "-"
		if n.PeakRSSBytes > 0 {
			memory = bytesText(n.PeakRSSBytes)
		}
		rows = append(rows, []string{n.Name, n.Use, status, fmt.Sprint(n.RowsIn), fmt.Sprint(n.RowsOut), fmt.Sprint(n.RowsDropped + n.RowsRejected), took(n.Wall), took(n.CPU), memory})
	}
	if !fits(opt, rows) { // what they use stands below
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 1, 2)
		}
	}
	return columns(w, opt, rows)
}

// reasons say of nodes why they did not come to a good end, or not at once.
func (r runRecord) reasons(w io.Writer, opt report.Options) {
	for _, n := range r.Nodes {
		if n.Reason != "" {
			say(w, opt, "%s: %s", n.Name, n.Reason)
		}
		for _, e := range n.Errors {
			if e != n.Reason {
				say(w, opt, "%s: a call failed: %s", n.Name, e)
			}
		}
	}
}

// owed are side effects that are still there.
func (r runRecord) owed(w io.Writer, opt report.Options) {
	for _, e := range r.Owed {
		text := fmt.Sprintf("%s did something outside of the pipeline that is still to be taken back", e.Node)
		if e.Problem != "" {
			text += ": " + e.Problem
		}
		say(w, opt, "%s", text)
	}
	if len(r.Owed) > 0 {
		say(w, opt, "`bulkhead runs undo %s` takes it back.", r.Short())
	}
}

// files are the sources, the sinks and the plugins.
func (r runRecord) files(w io.Writer, opt report.Options) {
	fmt.Fprintln(w)
	for _, s := range r.Sources {
		say(w, opt, "read   %s  %s", s.Path, shortDigest(s.SHA256))
	}
	for _, s := range r.Sinks {
		say(w, opt, "wrote  %s  %s", s.Path, shortDigest(s.SHA256))
		if s.Replaced > 0 {
			say(w, opt, "       %s that the format does not have became null", count(int(s.Replaced), "value", "values"))
		}
	}
	for _, p := range r.Plugins {
		say(w, opt, "plugin %s %s  %s  %s", p.Name, p.Version, cmp.Or(p.Level, "not started"), shortDigest(p.SHA256))
		if p.Overridden != "" {
			say(w, opt, "       overridden by %s", p.Overridden)
		}
	}
}

// shortDigest is the beginning of a digest, which is enough for people.
func shortDigest(digest string) string {
	const shown = len("sha256:") + 12
	if len(digest) <= shown {
		return digest
	}
	return digest[:shown]
}

func (r runRecord) metrics(w io.Writer, opt report.Options) {
	for _, n := range r.Nodes {
		if len(n.Metrics) == 0 && n.State == "" && n.Output == "" && len(n.Verdict) == 0 {
			continue
		}
		fmt.Fprintln(w)
		say(w, opt, "%s (%s)", n.Name, n.Use)
		for _, sentence := range n.Verdict {
			say(w, opt, "  %s", sentence)
		}
		if n.State != "" {
			say(w, opt, "  state   %s", shortDigest(n.State))
		}
		if n.Output != "" {
			say(w, opt, "  output  %s", shortDigest(n.Output))
		}
		for _, name := range slices.Sorted(maps.Keys(n.Metrics)) {
			say(w, opt, "  %s = %g", name, n.Metrics[name])
		}
	}
}

// comparison is what `bulkhead runs compare` prints.
type comparison struct{ *runs.Comparison }

// WriteJSON writes the comparison as one JSON document.
func (c comparison) WriteJSON(w io.Writer) error {
	return writeJSON(w, struct {
		SchemaVersion string `json:"schema_version"`
		*runs.Comparison
	}{report.SchemaVersion, c.Comparison})
}

// shown bounds the causes and differences that a comparison lists for people.
const (
	shownCauses  = 12
	shownChanges = 200
	// sideBySide is how many runs stand beside each other; more are listed.
	sideBySide = 3
)

// WriteText writes the comparison for a person: where it begins, then all that
// differs.
func (c comparison) WriteText(w io.Writer, opt report.Options) error {
	var ids []string
	for _, r := range c.Runs {
		ids = append(ids, r.ID[:8])
	}
	say(w, opt, "runs %s: %s, %d the same", strings.Join(ids, ", "), count(len(c.Changes), "difference", "differences"), c.Same)
	c.pipelines(w, opt)
	c.first(w, opt)
	if len(c.Changes) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	shown := c.Changes[:min(len(c.Changes), shownChanges)]
	defer more(w, opt, len(c.Changes)-len(shown), "differences")
	if len(ids) > sideBySide {
		listChanges(w, opt, ids, shown)
		return nil
	}
	rows := [][]string{append([]string{"what", "field"}, ids...)}
	for _, ch := range shown {
		row := []string{about(ch), ch.Field}
		for _, v := range ch.Values {
			row = append(row, cutText(shortDigest(v), 24))
		}
		rows = append(rows, row)
	}
	return columns(w, opt, rows)
}

// pipelines says which runs are not of the same pipeline as the first.
func (c comparison) pipelines(w io.Writer, opt report.Options) {
	for _, r := range c.Runs[1:] {
		if r.Pipeline != c.Runs[0].Pipeline {
			say(w, opt, "run %s is of pipeline %s, run %s of pipeline %s", c.Runs[0].ID[:8], c.Runs[0].Pipeline, r.ID[:8], r.Pipeline)
		}
	}
}

// first says where the runs begin to differ, and what can be why.
func (c comparison) first(w io.Writer, opt report.Options) {
	if c.First == nil {
		return
	}
	fmt.Fprintln(w)
	say(w, opt, "They begin to differ at %s.", c.First.Node)
	if len(c.First.Causes) == 0 {
		say(w, opt, "  Nothing that is recorded explains it: the kernel may not give the same twice.")
	}
	shown := c.First.Causes[:min(len(c.First.Causes), shownCauses)]
	for _, cause := range shown {
		say(w, opt, "  %s", changeText(cause))
	}
	more(w, opt, len(c.First.Causes)-len(shown), "possible causes")
}

// listChanges writes the values of many runs under each other.
func listChanges(w io.Writer, opt report.Options, ids []string, changes []runs.Change) {
	for _, ch := range changes {
		say(w, opt, "%s %s", about(ch), ch.Field)
		for i, v := range ch.Values {
			say(w, opt, "  %s  %s", ids[i], cmp.Or(cutText(shortDigest(v), 60), "-"))
		}
	}
}

// more says that a list was cut short.
func more(w io.Writer, opt report.Options, left int, what string) {
	if left > 0 {
		say(w, opt, "and %d more %s; --json has all of them", left, what)
	}
}

// about is what a change is about.
func about(c runs.Change) string { return strings.TrimSpace(string(c.Area) + " " + c.Subject) }

func changeText(c runs.Change) string {
	var values []string
	for _, v := range c.Values {
		values = append(values, cmp.Or(cutText(shortDigest(v), 40), "-"))
	}
	return fmt.Sprintf("%s %s: %s", about(c), c.Field, strings.Join(values, " -> "))
}
