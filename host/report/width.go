// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// columns is the number of terminal columns that s takes.
func columns(s string) (n int) {
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// prefix returns the longest beginning of s that fits into n columns.
func prefix(s string, n int) string {
	used := 0
	for i, r := range s {
		if used += runeColumns(r); used > n {
			return s[:i]
		}
	}
	return s
}

// cut shortens s to n columns, with "..." when something is lost.
func cut(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	if n <= 3 {
		return prefix(s, max(n, 0))
	}
	return strings.TrimRight(prefix(s, n-3), " ") + "..."
}

// cutMiddle shortens s to n columns and keeps its end, which tells paths and
// identifiers apart.
func cutMiddle(s string, n int) string {
	total := columns(s)
	if total <= n || n < 8 {
		return cut(s, n)
	}
	head := prefix(s, (n-3)/3)
	room := n - 3 - columns(head)
	tail := s[len(prefix(s, total-room)):]
	if columns(tail) > room { // half a wide character
		_, size := utf8.DecodeRuneInString(tail)
		tail = tail[size:]
	}
	return head + "..." + tail
}

// pad fills s with spaces to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-columns(s), 0))
}

// padLeft fills s with spaces on the left to n columns.
func padLeft(s string, n int) string {
	return strings.Repeat(" ", max(n-columns(s), 0)) + s
}

// wrap breaks text into lines of at most n columns, between words where it
// can. Line feeds of the text stay.
func wrap(text string, n int) []string {
	n = max(n, 2)
	var out []string
	for paragraph := range strings.SplitSeq(strings.TrimRight(text, "\n "), "\n") {
		out = append(out, wrapParagraph(paragraph, n)...)
	}
	return out
}

func wrapParagraph(text string, n int) []string {
	var (
		out  []string
		line string
	)
	for _, word := range strings.Fields(text) {
		if line != "" && columns(line)+1+columns(word) <= n {
			line += " " + word
			continue
		}
		if line != "" {
			out = append(out, line)
		}
		var whole []string
		whole, line = split(word, n)
		out = append(out, whole...)
	}
	return append(out, line)
}

// split cuts a word that is wider than a line.
func split(word string, n int) (whole []string, rest string) {
	for columns(word) > n {
		head := prefix(word, n)
		if head == "" {
			break
		}
		whole = append(whole, head)
		word = word[len(head):]
	}
	return whole, word
}

// wrapCommand breaks a command to copy: at spaces outside quotes, with a
// backslash, which a shell joins again. A stretch without such a space stays
// whole, however wide.
func wrapCommand(command string, n int) []string {
	if columns(command) <= n {
		return []string{command}
	}
	start := len(command) - len(strings.TrimLeft(command, " "))
	margin, words := command[:start], shellWords(command[start:])
	var out []string
	line := margin + words[0]
	for _, word := range words[1:] {
		if columns(line)+1+columns(word) <= n-2 {
			line += " " + word
			continue
		}
		out = append(out, line+" \\")
		line = margin + "  " + word
	}
	return append(out, line)
}

// cutComment parts a command from the comment at its end.
func cutComment(command string) (rest, comment string) {
	words := shellWords(command)
	at := 0
	for _, word := range words {
		if strings.HasPrefix(word, "#") && at > 0 {
			return strings.TrimRight(command[:at], " "), strings.TrimLeft(command[at:], "# ")
		}
		at += len(word) + 1
	}
	return command, ""
}

// shellWords splits at single spaces outside quotes and escapes, so that the
// pieces joined by spaces are the command again.
func shellWords(command string) []string {
	var (
		out     []string
		start   int
		quote   rune
		escaped bool
	)
	for i, r := range command {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == ' ':
			out, start = append(out, command[start:i]), i+1
		}
	}
	return append(out, command[start:])
}
