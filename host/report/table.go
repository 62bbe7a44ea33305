// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// table is text in aligned columns.
type table struct {
	heads []string
	// right marks the columns that are aligned on the right.
	right []bool
	// keep is how many columns from the left are narrowed before one of them
	// is left out.
	keep int
	rows [][]string
}

const (
	gap       = 2
	minColumn = 8
)

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// table sets a table into the page. Where it is too wide, columns are left out
// from the right, down to those to keep; then the widest of those aligned on
// the left are narrowed; and when that is not enough, more are left out.
func (p *page) table(indent int, t table) {
	for i := range t.rows {
		for j := range t.rows[i] {
			t.rows[i][j] = p.clean(t.rows[i][j])
		}
	}
	widths := t.fit(p.width - indent)
	margin := strings.Repeat(" ", indent)
	p.raw(margin + p.paint(dim, t.row(t.heads, widths)))
	for _, row := range t.rows {
		p.raw(margin + t.row(row, widths))
	}
}

// fit chooses the widths of the columns that are shown.
func (t *table) fit(room int) []int {
	for shown := len(t.heads); shown > 1; shown-- {
		widths := t.natural()[:shown]
		if total(widths) <= room || shown <= t.keep && t.narrow(widths, room) {
			return widths
		}
	}
	return []int{min(t.natural()[0], room)}
}

// narrow takes from the widest columns until the table fits, and reports
// whether it does.
func (t *table) narrow(widths []int, room int) bool {
	for total(widths) > room {
		i := t.widest(widths)
		if i < 0 {
			return false
		}
		widths[i]--
	}
	return true
}

func (t *table) natural() []int {
	widths := make([]int, len(t.heads))
	for i, head := range t.heads {
		widths[i] = columns(head)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(row[i]))
		}
	}
	return widths
}

// widest returns the widest column that can be narrowed, or -1.
func (t *table) widest(widths []int) int {
	best := -1
	for i, w := range widths {
		if !t.right[i] && w > minColumn && (best < 0 || w > widths[best]) {
			best = i
		}
	}
	return best
}

func total(widths []int) int {
	sum := gap * max(len(widths)-1, 0)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func (t *table) row(cells []string, widths []int) string {
	out := make([]string, len(widths))
	for i, w := range widths {
		if t.right[i] {
			out[i] = padLeft(cut(cells[i], w), w)
		} else {
			out[i] = pad(cutMiddle(cells[i], w), w)
		}
	}
	return strings.TrimRight(strings.Join(out, strings.Repeat(" ", gap)), " ")
}
