// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// WriteJSON writes the grants as one JSON document.
func (r grantsReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes the grants of each plugin in plain words.
func (r grantsReport) WriteText(w io.Writer, opt report.Options) error {
	for i, p := range r.Plugins {
		if i > 0 {
			fmt.Fprintln(w)
		}
		p.write(w, opt)
	}
	writeNotes(w, opt, r.Diagnostics)
	return nil
}

func (p pluginGrants) write(w io.Writer, opt report.Options) {
	fmt.Fprintf(w, "%s %s, %s, sandbox %s or stronger\n", report.CleanLine(p.Name), report.CleanLine(cmp.Or(p.Version, "without a version")),
		p.Origin, p.Require)
	for _, part := range []struct {
		title string
		has   func(grantRow) bool
	}{
		{"  can do more than look:", func(g grantRow) bool { return g.Wide && g.State != grantTaken }},
		{"  can look at:", func(g grantRow) bool { return !g.Wide && g.State != grantTaken }},
		{"  asks for, and taken away by the configuration:", func(g grantRow) bool { return g.State == grantTaken }},
	} {
		title := part.title
		for _, g := range p.Grants {
			if !part.has(g) {
				continue
			}
			if title != "" {
				fmt.Fprintln(w, title)
				title = ""
			}
			g.write(w, opt)
		}
	}
	if len(p.Grants) == 0 {
		fmt.Fprintln(w, "  asks for nothing: it sees no file, no variable and no network")
	}
}

func (g grantRow) write(w io.Writer, opt report.Options) {
	text := g.Why
	if remark := g.remark(opt.Verbose); remark != "" {
		text += " (" + remark + ")"
	}
	writeColumns(w, opt, fmt.Sprintf("    %-8s%s", g.Kind, report.CleanLine(g.Value)), text)
	for _, withheld := range g.Withheld {
		writeTerm(w, opt, 0, 12, "", "not given: "+withheld.Path+": "+withheld.Reason)
	}
	if !opt.Verbose {
		return
	}
	for _, here := range slices.Concat(g.Paths, g.Variables) {
		fmt.Fprintf(w, "            %s\n", report.CleanLine(here))
	}
}

// remark says what a grant leads to here, unless that is listed below it, and
// who narrowed it.
func (g grantRow) remark(listed bool) string {
	var parts []string
	switch here := slices.Concat(g.Paths, g.Variables); {
	case g.State == grantAbsent && g.Note == "":
		parts = append(parts, "absent here")
	case listed:
	case len(here) == 1 && here[0] != g.Value:
		parts = append(parts, "here "+here[0])
	case len(here) > 1:
		parts = append(parts, fmt.Sprintf("%d here", len(here)))
	}
	if g.Asked != "" {
		parts = append(parts, "of "+g.Asked)
	}
	if g.At != "" {
		parts = append(parts, "as "+g.At+" says")
	}
	if g.Note != "" {
		parts = append(parts, g.Note)
	}
	return strings.Join(parts, "; ")
}

// writeColumns is writeTerm for a name that has columns of its own.
func writeColumns(w io.Writer, opt report.Options, name, text string) {
	const from = 42
	var body strings.Builder
	writeTerm(&body, opt, 0, from, "", text)
	if len([]rune(name)) >= from {
		fmt.Fprintf(w, "%s\n%s", name, body.String())
		return
	}
	fmt.Fprintf(w, "%-*s%s", from, name, strings.TrimPrefix(body.String(), strings.Repeat(" ", from)))
}
