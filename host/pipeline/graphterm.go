// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strings"

	"golang.org/x/text/width"
)

// Width of a terminal drawing, and of the text in one of its boxes, in
// terminal columns.
const (
	terminalWidth = 80
	boxWidth      = 34
)

// terminal draws the levels from top to bottom, and the nodes of a level side
// by side. Under a box with consumers stands an arrow; a box names its input.
func (d drawing) terminal() string {
	var b strings.Builder
	for _, level := range d.plan.Levels {
		for _, row := range d.rows(level) {
			writeRow(&b, row)
		}
	}
	return b.String()
}

// box is one drawn node, all of its lines of one width.
type box struct {
	lines []string
	arrow bool
}

func (b box) width() int { return columns(b.lines[0]) }

// rows breaks a level where it gets wider than the terminal.
func (d drawing) rows(level []string) [][]box {
	var rows [][]box
	used := terminalWidth + 1
	for _, name := range level {
		next := d.box(d.plan.byName[name].public)
		if used+1+next.width() > terminalWidth {
			rows, used = append(rows, nil), -1
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], next)
		used += 1 + next.width()
	}
	return rows
}

func (d drawing) box(n *PlannedNode) box {
	text := d.lines(n)
	if len(n.Inputs) > 0 {
		text = append(text[:1:1], append([]string{"from " + n.Inputs[0]}, text[1:]...)...)
	}
	widest := 0
	var shown []string
	for _, line := range text {
		if line != "" {
			line = fit(oneLine(line), boxWidth)
			shown, widest = append(shown, line), max(widest, columns(line))
		}
	}
	out := box{lines: []string{"┌" + strings.Repeat("─", widest+2) + "┐"}, arrow: len(n.Consumers) > 0}
	for _, line := range shown {
		out.lines = append(out.lines, "│ "+pad(line, widest)+" │")
	}
	out.lines = append(out.lines, "└"+strings.Repeat("─", widest+2)+"┘")
	return out
}

// columns is the width of text in a terminal.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fit cuts a line in the middle, where paths and sentences lose least.
func fit(line string, limit int) string {
	if columns(line) <= limit {
		return line
	}
	runes := []rune(line)
	head, tail, room := 0, len(runes), limit-len("...")
	for room > 0 {
		if room -= runeColumns(runes[head]); room >= 0 {
			head++
		}
		if room <= 0 {
			break
		}
		if room -= runeColumns(runes[tail-1]); room >= 0 {
			tail--
		}
	}
	return string(runes[:head]) + "..." + string(runes[tail:])
}

func pad(line string, to int) string {
	return line + strings.Repeat(" ", max(0, to-columns(line)))
}

// writeRow writes boxes side by side and the arrows below them.
func writeRow(b *strings.Builder, row []box) {
	height := 0
	for _, x := range row {
		height = max(height, len(x.lines))
	}
	for i := range height {
		writeLine(b, row, func(x box) string {
			if i < len(x.lines) {
				return x.lines[i]
			}
			return ""
		})
	}
	writeLine(b, row, func(x box) string {
		if !x.arrow {
			return ""
		}
		return strings.Repeat(" ", x.width()/2) + "▼"
	})
}

// writeLine writes one line of every box, without spaces at its end, and
// nothing when it is blank.
func writeLine(b *strings.Builder, row []box, cell func(box) string) {
	var line strings.Builder
	for i, x := range row {
		if i > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(pad(cell(x), x.width()))
	}
	if text := strings.TrimRight(line.String(), " "); text != "" {
		b.WriteString(text + "\n")
	}
}
