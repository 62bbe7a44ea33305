// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// page collects the Markdown of one file.
type page struct{ strings.Builder }

// line writes formatted text and ends the line.
func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

// section writes a heading and a paragraph, or nothing for an empty text.
func (p *page) section(title, text string) {
	if text != "" {
		p.line("\n## %s\n\n%s", title, prose(text))
	}
}

// table writes rows under a header. Cells are Markdown already.
func (p *page) table(header []string, rows [][]string) {
	p.line("\n| %s |\n|%s", strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	for _, row := range rows {
		p.line("| %s |", strings.Join(row, " | "))
	}
}

// codeSpan is what an author set in backticks. Messages of other programs also
// hold backticks, as an opening quotation mark.
var codeSpan = regexp.MustCompile("`[^`\"'\n]+`")

// prose makes plain text safe in Markdown. Code in backticks stays code.
func prose(text string) string {
	var out strings.Builder
	end := 0
	for _, span := range codeSpan.FindAllStringIndex(text, -1) {
		escape(&out, text[end:span[0]])
		out.WriteString(strings.ReplaceAll(text[span[0]:span[1]], "|", `\|`))
		end = span[1]
	}
	escape(&out, text[end:])
	return out.String()
}

// escape puts a backslash before what Markdown would take for markup. An
// underscore inside a word is none.
func escape(out *strings.Builder, text string) {
	runes := []rune(text)
	for i, r := range runes {
		inWord := i > 0 && i+1 < len(runes) && wordRune(runes[i-1]) && wordRune(runes[i+1])
		if strings.ContainsRune("\\`*<|", r) || r == '_' && !inWord {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// cell is prose on one line.
func cell(text string) string { return strings.Join(strings.Fields(prose(text)), " ") }

// code is text in backticks, for a table or a line; nothing for nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

// codes joins texts in backticks.
func codes(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = code(text)
	}
	return strings.Join(out, ", ")
}
