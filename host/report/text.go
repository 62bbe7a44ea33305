// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// Options of the renderers. The zero value is plain text, 80 columns wide.
type Options struct {
	// Width in terminal columns; 0 means 80. At least 40 are used, and prose
	// is never set wider than 100.
	Width int
	// Color allows ANSI colours.
	Color bool
	// ASCII replaces every other character by "?", for terminals without UTF-8.
	ASCII bool
	// Verbose lists everything.
	Verbose bool
	// Debug adds stack traces to diagnostics.
	Debug bool
	// Docs returns the page of a check, for HTML and SARIF; nil for none.
	Docs func(code string) (check.Doc, bool)
	// Project is the absolute path of the project on the examined machine.
	// SARIF names the files in it relative to it; empty for none.
	Project string
	// ExitCode of the command, for SARIF; nil when it is not known.
	ExitCode *int
}

// doc returns the page of a check, empty when there is none.
func (o Options) doc(code string) check.Doc {
	if o.Docs == nil {
		return check.Doc{}
	}
	doc, _ := o.Docs(code)
	return doc
}

const (
	defaultWidth = 80
	minWidth     = 40
	maxProse     = 100
)

// page gathers text. Its methods clean whatever they are given.
type page struct {
	buf bytes.Buffer
	opt Options
	// width is the width in use.
	width int
}

func newPage(opt Options) *page {
	width := opt.Width
	if width <= 0 {
		width = defaultWidth
	}
	return &page{opt: opt, width: max(width, minWidth)}
}

// flush writes the page in one call.
func (p *page) flush(w io.Writer, what string) error {
	return emit(w, what, p.buf.Bytes())
}

// emit writes a document in one call.
func emit(w io.Writer, what string, document []byte) error {
	if _, err := w.Write(document); err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

// clean makes text printable on one line of this page.
func (p *page) clean(s string) string { return p.encodable(CleanLine(s)) }

func (p *page) encodable(s string) string {
	if !p.opt.ASCII {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, s)
}

// The colours, as ANSI attributes.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (p *page) paint(code, s string) string {
	if !p.opt.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// raw writes a line that is clean and fits.
func (p *page) raw(line string) {
	p.buf.WriteString(strings.TrimRight(line, " "))
	p.buf.WriteByte('\n')
}

func (p *page) blank() { p.buf.WriteByte('\n') }

// line writes one line and cuts it to the width.
func (p *page) line(indent int, s string) {
	p.raw(strings.Repeat(" ", indent) + cut(p.clean(s), p.width-indent))
}

// prose writes wrapped text; its line feeds stay.
func (p *page) prose(indent int, s string) {
	if s != "" {
		p.hanging(indent, "", s)
	}
}

// hanging writes wrapped text after a label; further lines stand under the
// text.
func (p *page) hanging(indent int, label, s string) {
	margin := indent + columns(label)
	first := strings.Repeat(" ", indent) + label
	for _, line := range wrap(p.encodable(Clean(s)), min(p.width, maxProse)-margin) {
		p.raw(first + line)
		first = strings.Repeat(" ", margin)
	}
}

// command writes a command to copy; see the package comment.
func (p *page) command(indent int, s string) {
	s = p.encodable(strings.TrimRight(Clean(s), " \n"))
	for line := range strings.SplitSeq(s, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			p.hanging(indent, "# ", strings.TrimLeft(line, " #"))
			continue
		}
		line = p.liftComment(indent, line)
		for _, part := range wrapCommand(line, p.width-indent) {
			p.raw(strings.Repeat(" ", indent) + part)
		}
	}
}

// liftComment writes the comment at the end of a command that is too wide for
// one line above it, and returns the command: a backslash would not continue a
// comment, and its second line would be taken for a command.
func (p *page) liftComment(indent int, line string) string {
	command, comment := cutComment(line)
	if comment == "" || columns(line) <= p.width-indent {
		return line
	}
	p.hanging(indent, "# ", comment)
	return command
}

// verbatim writes the content of a file: nothing is added to break a line.
func (p *page) verbatim(indent int, s string) {
	for line := range strings.SplitSeq(p.encodable(strings.TrimRight(Clean(s), " \n")), "\n") {
		p.raw(strings.Repeat(" ", indent) + line)
	}
}

// heading writes a line in bold.
func (p *page) heading(s string) {
	p.raw(p.paint(bold, cut(p.clean(s), p.width)))
}

// mark returns the word for a status, painted, padded to n columns.
func (p *page) mark(status string, n int) string {
	word, color := markOf(status)
	return p.paint(color, word) + strings.Repeat(" ", max(n-len(word), 0))
}

// waivedMark is the word for a finding that the user accepts for a time.
const waivedMark = "waived"

// markOf maps a status to the word that text shows and its colour. A status
// that is not known is shown as it is.
func markOf(status string) (word, color string) {
	switch status {
	case Healthy, RunOK:
		return "ok", green
	case Error, RunFailed, RunTimedOut, RunRefused:
		return status, red
	case Warning, RunCancelled:
		return status, yellow
	case Info, Unknown:
		return status, cyan
	case Skipped, NodePending, waivedMark:
		return status, dim
	}
	return CleanLine(status), ""
}

// plural returns "1 error" or "2 errors".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// duration returns milliseconds for a person: "12 ms", "3.4 s", "2 min 5 s".
func duration(ms float64) string {
	switch {
	case ms < 1:
		return "<1 ms"
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 99_950:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	seconds := int64(ms/1000 + 0.5)
	return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
}

// size returns bytes for a person, in binary units.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.95 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
