// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/mitchellh/go-wordwrap"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// width is the number of columns that text is set in: those of the terminal,
// 80 elsewhere, and never so few or many that prose cannot be read.
func width(opt report.Options) int {
	return min(max(cmp.Or(opt.Width, 80), 40), 100)
}

// writeTerm writes a name after indent spaces and, in a column at from, the text
// about it, wrapped. A name that reaches into the column has its own line.
func writeTerm(w io.Writer, opt report.Options, indent, from int, name, text string) {
	name, text = strings.Repeat(" ", indent)+report.CleanLine(name), report.CleanLine(text)
	margin := strings.Repeat(" ", from)
	body := strings.ReplaceAll(wordwrap.WrapString(text, uint(max(width(opt)-from, 20))), "\n", "\n"+margin)
	switch {
	case text == "":
		fmt.Fprintln(w, name)
	case len([]rune(name)) >= from:
		fmt.Fprintf(w, "%s\n%s%s\n", name, margin, body)
	default:
		fmt.Fprintf(w, "%-*s%s\n", from, name, body)
	}
}

// writeNotes writes what else there is to know of a result, each as one paragraph.
func writeNotes(w io.Writer, opt report.Options, notes []report.Diagnostic) {
	for _, d := range notes {
		say(w, opt, "%s: %s: %s", d.Severity, d.Summary, d.Detail)
	}
}
