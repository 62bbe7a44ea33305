// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// clean makes a text from outside safe to show on one line.
func clean(s string) string { return report.CleanLine(s) }

// duration keeps three digits or so.
func duration(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%d µs", d.Microseconds())
}

// size is a number of bytes in binary units.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, u := float64(n), 0
	for ; f >= 1024 && u < len(units)-1; u++ {
		f /= 1024
	}
	if u == 0 || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[u])
	}
	return fmt.Sprintf("%.3g %s", f, units[u])
}

// count groups the digits of a number by three.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + noun + "s"
}

// carries is the label of an edge; empty when nothing is known of it.
func (e *Edge) carries() string {
	var parts []string
	if label := clean(e.Label); label != "" {
		parts = append(parts, label)
	}
	if e.Rows == 1 {
		parts = append(parts, "1 row")
	} else if e.Rows >= 0 {
		parts = append(parts, count(e.Rows)+" rows")
	}
	if e.Bytes >= 0 {
		parts = append(parts, size(e.Bytes))
	}
	return strings.Join(parts, " · ")
}

// lines tell of a node: what it does, how it went, and what else is known.
func (n *Node) lines() []string {
	var out []string
	for _, line := range append([]string{n.Detail, n.went(), n.memory()}, n.Notes...) {
		if line = clean(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func (n *Node) went() string {
	var parts []string
	if n.Status != "" {
		parts = append(parts, markOf(n.Status).sign+" "+n.Status)
	}
	if n.Wall > 0 {
		parts = append(parts, duration(n.Wall))
	}
	if n.CPU > 0 {
		parts = append(parts, "CPU "+duration(n.CPU))
	}
	return strings.Join(parts, " · ")
}

func (n *Node) memory() string {
	var parts []string
	if n.PeakBytes > 0 {
		parts = append(parts, "peak "+size(n.PeakBytes))
	}
	if n.Cache != "" {
		parts = append(parts, "cache "+n.Cache)
	}
	return strings.Join(parts, " · ")
}

// describe is everything about a node in one sentence, for a screen reader.
func (n *Node) describe() string {
	parts := []string{clean(n.label())}
	if kind := clean(n.Kind); kind != "" {
		parts[0] = kind + " " + parts[0]
	}
	if n.Compartment != "" {
		parts = append(parts, "compartment "+clean(n.Compartment))
	}
	if n.Group != "" {
		parts = append(parts, "of "+clean(n.Group))
	}
	parts = append(parts, n.lines()...)
	if n.Critical {
		parts = append(parts, "on the critical path")
	}
	return strings.Join(parts, ", ")
}

// columns is the width of a text in a terminal.
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

// fit cuts a text in the middle, where names and paths lose least, until
// measure says that it takes at most limit.
func fit(s string, limit float64, measure func(string) float64) string {
	if measure(s) <= limit {
		return s
	}
	runes := []rune(s)
	for keep := min(len(runes)-1, int(limit)); keep > 1; keep-- {
		head := (keep + 1) / 2
		short := string(runes[:head]) + "…" + string(runes[len(runes)-(keep-head):])
		if measure(short) <= limit {
			return short
		}
	}
	return "…"
}
