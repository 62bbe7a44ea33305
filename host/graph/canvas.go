// SPDX-License-Identifier: Apache-2.0

package graph

import "strings"

// Directions of a line in a cell, which add up.
const (
	up = 1 << iota
	down
	left
	right
)

// strokes are the characters of lines by the sum of their directions.
var strokes = [16]rune{' ', '│', '│', '│', '─', '┘', '┐', '┤', '─', '└', '┌', '├', '─', '┴', '┬', '┼'}

// plainStrokes are the same for ASCII.
var plainStrokes = [16]rune{' ', '|', '|', '|', '-', '+', '+', '+', '-', '+', '+', '+', '-', '+', '+', '+'}

// canvas is a grid of characters that grows downwards. Lines of one pen that
// meet in a cell join, as do those of pen 0 with all; where lines of two pens
// cross, the vertical one is on top.
type canvas struct {
	rows  [][]cell
	ascii bool
	pen   int
}

// cell has a line, or a character that hides it.
type cell struct {
	lines int
	text  rune
	// across and along are the pens of the horizontal and the vertical line.
	across, along int
	// second tells the right half of a wide character.
	second bool
}

func (c *canvas) at(x, y int) *cell {
	for len(c.rows) <= y {
		c.rows = append(c.rows, nil)
	}
	for len(c.rows[y]) <= x {
		c.rows[y] = append(c.rows[y], cell{})
	}
	return &c.rows[y][x]
}

// vertical draws from the middle of one row to the middle of another.
func (c *canvas) vertical(x, from, to int) {
	for y := from; y < to; y++ {
		c.at(x, y).lines |= down
		c.at(x, y+1).lines |= up
	}
	for y := from; y <= to && from < to; y++ {
		c.at(x, y).along = c.pen
	}
}

func (c *canvas) horizontal(y, from, to int) {
	for x := from; x < to; x++ {
		c.at(x, y).lines |= right
		c.at(x+1, y).lines |= left
	}
	for x := from; x <= to && from < to; x++ {
		c.at(x, y).across = c.pen
	}
}

// joined are the lines of a cell that are seen.
func (c *cell) joined() int {
	if c.lines == up|down|left|right && c.across != c.along && c.across != 0 && c.along != 0 {
		return up | down
	}
	return c.lines
}

// write puts text on the lines and returns the column after it.
func (c *canvas) write(x, y int, text string) int {
	for _, r := range text {
		n := runeColumns(r)
		if n == 0 {
			continue
		}
		c.at(x, y).text = r
		if n == 2 {
			c.at(x+1, y).second = true
		}
		x += n
	}
	return x
}

// free reports whether nothing stands in n cells of a row.
func (c *canvas) free(x, y, n int) bool {
	for i := range n {
		if y < len(c.rows) && x+i < len(c.rows[y]) && c.rows[y][x+i] != (cell{}) {
			return false
		}
	}
	return true
}

// box draws a frame with lines of text in it.
func (c *canvas) box(x, y, width int, lines []string) {
	bottom := y + len(lines) + 1
	c.horizontal(y, x, x+width-1)
	c.horizontal(bottom, x, x+width-1)
	c.vertical(x, y, bottom)
	c.vertical(x+width-1, y, bottom)
	for i, line := range lines {
		c.write(x+2, y+1+i, line)
	}
}

// arrow is the tip of a line that goes down.
func (c *canvas) arrow() string {
	if c.ascii {
		return "v"
	}
	return "▼"
}

// String is the drawing without blanks at the ends of lines.
func (c *canvas) String() string {
	var b strings.Builder
	for _, row := range c.rows {
		var line strings.Builder
		for _, cell := range row {
			switch {
			case cell.second:
			case cell.text != 0:
				line.WriteRune(cell.text)
			case c.ascii:
				line.WriteRune(plainStrokes[cell.joined()])
			default:
				line.WriteRune(strokes[cell.joined()])
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
