// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/state"
)

// stateShown is what `bulkhead state show` prints.
type stateShown struct{ *state.Description }

// WriteJSON writes the description as one JSON document.
func (s stateShown) WriteJSON(w io.Writer) error {
	return writeJSON(w, struct {
		SchemaVersion string `json:"schema_version"`
		*state.Description
	}{report.SchemaVersion, s.Description})
}

// WriteText writes the description for a person.
func (s stateShown) WriteText(w io.Writer, opt report.Options) error {
	fmt.Fprintln(w, "state "+s.Entry.Digest)
	say(w, opt, "%s, %s", nameOf(s.Entry), bytesText(s.Entry.Bytes))
	for _, o := range s.Entry.Origins {
		say(w, opt, "made by %s of pipeline %s in run %s, %s", o.Node, o.Pipeline, o.Run, o.Time.Local().Format("2006-01-02 15:04:05"))
	}
	if s.Problem != "" {
		say(w, opt, "its form cannot be read: %s", s.Problem)
	}
	if h := s.Header; h != nil {
		say(w, opt, "plugin %s, seed %d, learnt from %s", cmp.Or(h.Plugin, "unknown"), h.Seed, count(len(h.Input), "column", "columns"))
	}
	if len(s.Arrays) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := [][]string{{"array", "type", "shape", "min", "max", "mean", "missing"}}
	for _, a := range s.Arrays {
		rows = append(rows, []string{a.Name, string(a.DType), shape(a.Shape), text(a.Min.String()), text(a.Max.String()), text(a.Mean.String()), fmt.Sprint(a.Nulls + a.NonFinite)})
	}
	return columns(w, opt, rows)
}

func shape(lengths []int) string {
	if len(lengths) == 0 {
		return "one"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(lengths), " ", "x"), "[]")
}

// text is a number for a table, shortened; "-" for none.
func text(s string) string {
	if s == "" {
		return "-"
	}
	return cutText(s, 12)
}

// stateDiff is what `bulkhead state diff` prints.
type stateDiff struct{ *state.Difference }

// WriteJSON writes the difference as one JSON document.
func (d stateDiff) WriteJSON(w io.Writer) error {
	return writeJSON(w, struct {
		SchemaVersion string `json:"schema_version"`
		*state.Difference
	}{report.SchemaVersion, d.Difference})
}

// WriteText writes the difference for a person.
func (d stateDiff) WriteText(w io.Writer, opt report.Options) error {
	if d.Equal {
		_, err := fmt.Fprintln(w, "the states are the same to the bit")
		return err
	}
	if d.FirstByte != nil {
		say(w, opt, "the bytes begin to differ at %d", *d.FirstByte)
	}
	for _, f := range d.Header {
		say(w, opt, "%s: %s -> %s", f.Field, cutText(f.A, 30), cutText(f.B, 30))
	}
	for _, a := range d.Removed {
		say(w, opt, "- %s %s %s", a.Name, a.DType, shape(a.Shape))
	}
	for _, a := range d.Added {
		say(w, opt, "+ %s %s %s", a.Name, a.DType, shape(a.Shape))
	}
	for _, c := range d.Changed {
		say(w, opt, "~ %s %s", c.Name, changeOf(c))
	}
	say(w, opt, "%s the same", count(d.Same, "array is", "arrays are"))
	return nil
}

func changeOf(c state.ArrayChange) string {
	switch {
	case c.A.DType != c.B.DType || shape(c.A.Shape) != shape(c.B.Shape):
		return fmt.Sprintf("%s %s -> %s %s", c.A.DType, shape(c.A.Shape), c.B.DType, shape(c.B.Shape))
	case len(c.Values) > 0:
		var fields []string
		for _, v := range c.Values {
			fields = append(fields, fmt.Sprintf("%s %s -> %s", v.Field, cutText(v.A, 24), cutText(v.B, 24)))
		}
		return (strings.Join(fields, "; "))
	case c.MaxAbs != "":
		return fmt.Sprintf("%d of %d differ, by %s at most", c.Elements, c.A.Elements, c.MaxAbs)
	}
	return fmt.Sprintf("%d of %d differ", c.Elements, c.A.Elements)
}
