// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/mitchellh/go-wordwrap"
)

// minWidth is the least number of columns that messages are fitted to.
const minWidth = 40

// WriteText writes the messages for a person: the place, the source line with
// the part in question underlined, and what to do. width is that of the
// terminal in columns, 0 for no bound; color adds ANSI colours.
func (ds Diagnostics) WriteText(w io.Writer, width int, color bool) error {
	if width > 0 {
		width = max(width, minWidth)
	}
	p := printer{width: width, color: color}
	for i, d := range ds {
		if i > 0 {
			p.buf.WriteByte('\n')
		}
		p.diagnostic(d)
	}
	_, err := w.Write(p.buf.Bytes())
	return err
}

type printer struct {
	buf   bytes.Buffer
	width int
	color bool
}

func (p *printer) diagnostic(d *Diagnostic) {
	p.styled(severityStyle(d.Severity), severityTitle(d.Severity))
	fmt.Fprintf(&p.buf, ": %s\n", oneLine(d.Summary))
	if d.Range != nil {
		p.place(d)
	}
	if d.Detail != "" {
		p.detail(d.Detail)
	}
}

func (p *printer) place(d *Diagnostic) {
	fmt.Fprintf(&p.buf, "  on %s line %d, column %d%s:\n",
		oneLine(d.Range.File), d.Range.Start.Line, d.Range.Start.Column, oneLine(d.context()))
	s, ok := d.snippet(p.snippetWidth())
	if !ok {
		p.buf.WriteString("  (the source is not available)\n")
		return
	}
	gutter := fmt.Sprintf("%4d | ", d.Range.Start.Line)
	fmt.Fprintf(&p.buf, "%s%s\n", gutter, s.text)
	p.buf.WriteString(strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", s.start))
	p.styled(severityStyle(d.Severity), strings.Repeat("^", s.length))
	p.buf.WriteByte('\n')
}

func (p *printer) snippetWidth() int {
	if p.width == 0 {
		return maxSnippet
	}
	return p.width - len("1234 | ")
}

func (p *printer) detail(text string) {
	if p.width > 0 {
		text = wordwrap.WrapString(text, uint(p.width-2))
	}
	for line := range strings.SplitSeq(Clean(text), "\n") {
		p.buf.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
}

func (p *printer) styled(code, text string) {
	if !p.color {
		p.buf.WriteString(text)
		return
	}
	fmt.Fprintf(&p.buf, "\x1b[%sm%s\x1b[0m", code, text)
}

func severityStyle(s Severity) string {
	switch s {
	case SeverityWarning:
		return "33"
	case SeverityInfo:
		return "36"
	default:
		return "31"
	}
}

func severityTitle(s Severity) string {
	switch s {
	case SeverityWarning:
		return "Warning"
	case SeverityInfo:
		return "Info"
	default:
		return "Error"
	}
}

// context names the block that the range stands in, as ", in kernel \"x\"".
func (d *Diagnostic) context() string {
	if d.source == nil {
		return ""
	}
	nav, ok := d.source.Nav.(interface{ ContextString(offset int) string })
	if !ok || d.Range.Start.Byte > len(d.source.Bytes) {
		return ""
	}
	if text := nav.ContextString(d.Range.Start.Byte); text != "" {
		return ", in " + text
	}
	return ""
}

// maxSnippet is the longest stretch of a source line that is shown, in runes.
const maxSnippet = 160

// snippet is a printable source line with the stretch to underline, in runes.
type snippet struct {
	text          string
	start, length int
}

// snippet cuts a long line to width runes around the start of the range.
func (d *Diagnostic) snippet(width int) (snippet, bool) {
	if d.source == nil || d.Range == nil {
		return snippet{}, false
	}
	line, from, to, ok := lineAround(d.source.Bytes, *d.Range)
	if !ok {
		return snippet{}, false
	}
	before, marked, after := printable(line[:from]), printable(line[from:to]), printable(line[to:])
	return fit(before, marked, after, width), true
}

// lineAround finds the line that the range starts on and the part of the range
// on that line, as offsets into it.
func lineAround(src []byte, r Range) (line []byte, from, to int, ok bool) {
	if r.Start.Byte < 0 || r.Start.Byte > len(src) || r.End.Byte < r.Start.Byte {
		return nil, 0, 0, false
	}
	begin := bytes.LastIndexByte(src[:r.Start.Byte], '\n') + 1
	end := len(src)
	if i := bytes.IndexByte(src[r.Start.Byte:], '\n'); i >= 0 {
		end = r.Start.Byte + i
	}
	line = bytes.TrimSuffix(src[begin:end], []byte("\r"))
	from = min(r.Start.Byte-begin, len(line))
	to = min(max(r.End.Byte-begin, from), len(line))
	return line, from, to, true
}

func fit(before, marked, after []rune, width int) snippet {
	start := len(before)
	if drop := start - width/2; start+len(marked) > width && drop > 0 {
		before = append([]rune("…"), before[drop:]...)
		start = len(before)
	}
	all := append(append(append([]rune{}, before...), marked...), after...)
	length := max(len(marked), 1)
	if len(all) > width {
		all = append(all[:width-1:width-1], '…')
		length = max(min(length, width-start), 1)
	}
	return snippet{text: strings.TrimRight(string(all), " "), start: start, length: length}
}

// printable expands tabs and replaces what a terminal would obey.
func printable(b []byte) []rune {
	var out []rune
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		if r == '\t' {
			out = append(out, ' ', ' ')
			continue
		}
		out = append(out, cleanRune(r))
	}
	return out
}

func oneLine(s string) string {
	return strings.ReplaceAll(Clean(s), "\n", " ")
}

// fileOf makes a source for text that was not parsed.
func fileOf(src []byte) *hcl.File { return &hcl.File{Bytes: src} }
