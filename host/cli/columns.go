// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	eastasian "golang.org/x/text/width"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// narrowest is how far the columns of a table are narrowed, in columns of the
// terminal.
const narrowest = 6

// columns writes rows of cells under each other. Where they are wider than the
// page, the widest lose their middles, since names and paths differ at the ends.
func columns(w io.Writer, opt report.Options, rows [][]string) error {
	widths := widest(rows)
	for tableWidth(widths) > width(opt) && narrow(widths) {
	}
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, rowText(row, widths)); err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether no cell would lose its middle.
func fits(opt report.Options, rows [][]string) bool { return tableWidth(widest(rows)) <= width(opt) }

// widest cleans the cells and measures the columns.
func widest(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = report.CleanLine(row[i])
			widths[i] = max(widths[i], textWidth(row[i]))
		}
	}
	return widths
}

// tableWidth is that of a table with two spaces between its columns.
func tableWidth(widths []int) int {
	sum := 2 * (len(widths) - 1)
	for _, n := range widths {
		sum += n
	}
	return sum
}

// narrow takes one from the widest column, and reports whether it could.
func narrow(widths []int) bool {
	at := 0
	for i, n := range widths {
		if n > widths[at] {
			at = i
		}
	}
	if widths[at] <= narrowest {
		return false
	}
	widths[at]--
	return true
}

func rowText(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		cell = cutMiddle(cell, widths[i])
		b.WriteString(cell + strings.Repeat(" ", widths[i]-textWidth(cell)+2))
	}
	return strings.TrimRight(b.String(), " ")
}

// say writes a line, wrapped to the page; what goes on is indented under it.
func say(w io.Writer, opt report.Options, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	indent := len(text) - len(strings.TrimLeft(text, " "))
	margin, room := strings.Repeat(" ", indent), width(opt)-indent
	line, hang := "", 0
	for _, word := range strings.Fields(report.CleanLine(text)) {
		switch used := textWidth(line); {
		case used == hang:
			line += word
		case used+1+textWidth(word) <= room:
			line += " " + word
		default:
			fmt.Fprintln(w, margin+line)
			hang = 2
			line = "  " + word
		}
		for textWidth(line) > room {
			head := prefix(line, room)
			fmt.Fprintln(w, margin+head)
			hang = 2
			line = "  " + line[len(head):]
		}
	}
	fmt.Fprintln(w, margin+line)
}

// textWidth is the number of columns of the terminal that s takes.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	switch eastasian.LookupRune(r).Kind() {
	case eastasian.EastAsianWide, eastasian.EastAsianFullwidth:
		return 2
	}
	return 1
}

// prefix is the longest beginning of s that fits into n columns, and one
// character at least.
func prefix(s string, n int) string {
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > n && i > 0 {
			return s[:i]
		}
	}
	return s
}

// cutMiddle bounds a text to n columns, its beginning and its end.
func cutMiddle(s string, n int) string {
	if textWidth(s) <= n {
		return s
	}
	if n < narrowest {
		return cutText(s, n)
	}
	head := prefix(s, (n-3)/2)
	tail := s[len(head):]
	for room := n - 3 - textWidth(head); textWidth(tail) > room; {
		_, size := utf8.DecodeRuneInString(tail)
		tail = tail[size:]
	}
	return head + "..." + tail
}

// cutText bounds a text to most columns, which are 3 at least.
func cutText(s string, most int) string {
	if textWidth(s) <= most {
		return s
	}
	return prefix(s, most-3) + "..."
}
