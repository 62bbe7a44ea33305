// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// write writes how a run came out with the new version.
func (r replayed) write(w io.Writer, opt report.Options) {
	say(w, opt, "replay of run %.8s (%s) with %s %s: %s", r.Run, r.Pipeline, r.Plugin, r.New, r.Outcome+suffix(", ", r.Reason))
	for _, m := range r.Metrics {
		say(w, opt, "  %s %s: %s -> %s", m.Node, m.Name, orWord(m.Old), orWord(m.New))
	}
	for _, t := range r.Tables {
		t.write(w, opt)
	}
	if len(r.Unsteady) > 0 {
		say(w, opt, "  nothing follows from %s: with %s it differs from run to run, too", strings.Join(r.Unsteady, ", "), r.Old)
	}
	if len(r.Tables) == 0 && len(r.Nodes) > 0 {
		say(w, opt, "  came out differently: %s", strings.Join(r.Nodes, ", "))
	}
}

func orWord(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (t tableChange) write(w io.Writer, opt report.Options) {
	text := fmt.Sprintf("%d of %s", t.Differing, count(int(min(t.OldRows, t.NewRows)), "row differs", "rows differ"))
	if t.OldRows != t.NewRows {
		text += fmt.Sprintf(", %s instead of %d", count(int(t.NewRows), "row", "rows"), t.OldRows)
	}
	for _, names := range []struct {
		list []string
		verb string
	}{{t.Gone, "gone"}, {t.Added, "new"}} {
		if len(names.list) > 0 {
			text += fmt.Sprintf(", columns that are %s: %s", names.verb, strings.Join(names.list, ", "))
		}
	}
	if t.same() {
		text += "; what it learnt, a type or the order of columns is another"
	}
	say(w, opt, "  %s: %s", t.Node, text)
	for _, c := range t.Columns {
		say(w, opt, "    %s: %s", c.Name, c.text())
	}
}

// same reports whether the rows are written alike.
func (t tableChange) same() bool {
	return t.Differing == 0 && t.OldRows == t.NewRows && len(t.Gone)+len(t.Added) == 0
}

// text says how a column differs.
func (c columnChange) text() string {
	out := count(int(c.Rows), "row", "rows")
	if c.MaxAbsolute != nil {
		out += ", by at most " + figures(*c.MaxAbsolute)
	}
	if c.MaxRelative != nil {
		out += " (relative " + figures(*c.MaxRelative) + ")"
	}
	for _, p := range c.Classes {
		out += fmt.Sprintf(", %q -> %q %s", p.Old, p.New, count(int(p.Rows), "time", "times"))
	}
	return out
}

// figures are a number in three significant digits.
func figures(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }
