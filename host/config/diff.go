// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// diffContext is the number of unchanged lines around a change.
const diffContext = 3

// maxDiffEdits bounds the search for the shortest script; two files further
// apart are shown as one replaced by the other.
const maxDiffEdits = 2000

// Diff is a unified diff of two texts, empty when they are equal. oldName and
// newName stand in its header.
func Diff(oldName, newName string, before, after []byte) string {
	if string(before) == string(after) {
		return ""
	}
	a, b := lines(before), lines(after)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", oldName, newName)
	for _, h := range hunks(script(a, b)) {
		h.write(&out)
	}
	return out.String()
}

// lines cuts a text after its line feeds.
func lines(text []byte) []string {
	all := strings.SplitAfter(string(text), "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// edit is one line of a script: ' ' kept, '-' removed, '+' added. oldLine and
// newLine count the lines before it.
type edit struct {
	op               byte
	text             string
	oldLine, newLine int
}

// script finds a short list of edits: common ends apart, by Myers' algorithm.
func script(a, b []string) []edit {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	s := &scripter{}
	for _, text := range a[:head] {
		s.add(' ', text)
	}
	s.middle(a[head:len(a)-tail], b[head:len(b)-tail])
	for _, text := range a[len(a)-tail:] {
		s.add(' ', text)
	}
	return s.edits
}

type scripter struct {
	edits            []edit
	oldLine, newLine int
}

func (s *scripter) add(op byte, text string) {
	s.edits = append(s.edits, edit{op, text, s.oldLine, s.newLine})
	if op != '+' {
		s.oldLine++
	}
	if op != '-' {
		s.newLine++
	}
}

func (s *scripter) middle(a, b []string) {
	trace, ok := search(a, b)
	if !ok {
		for _, text := range a {
			s.add('-', text)
		}
		for _, text := range b {
			s.add('+', text)
		}
		return
	}
	for _, op := range backtrack(trace, a, b) {
		switch op {
		case '+':
			s.add(op, b[0])
			b = b[1:]
		case '-':
			s.add(op, a[0])
			a = a[1:]
		default:
			s.add(op, a[0])
			a, b = a[1:], b[1:]
		}
	}
}

// search runs the greedy algorithm and keeps the furthest points of each round:
// trace[d][k+d] is the furthest x on diagonal k with d edits.
func search(a, b []string) ([][]int, bool) {
	var trace [][]int
	for d := 0; d <= min(len(a)+len(b), maxDiffEdits); d++ {
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := step(trace, d, k)
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			row[k+d] = x
			if x >= len(a) && x-k >= len(b) {
				return append(trace, row), true
			}
		}
		trace = append(trace, row)
	}
	return nil, false
}

// step is the point that round d starts from on diagonal k: down from the
// diagonal above, or right from the one below.
func step(trace [][]int, d, k int) int {
	if d == 0 {
		return 0
	}
	if down(trace, d, k) {
		return trace[d-1][k+1+d-1]
	}
	return trace[d-1][k-1+d-1] + 1
}

func down(trace [][]int, d, k int) bool {
	if k == -d {
		return true
	}
	return k != d && trace[d-1][k-1+d-1] < trace[d-1][k+1+d-1]
}

// backtrack walks the trace from its end to a list of operations.
func backtrack(trace [][]int, a, b []string) []byte {
	x, y := len(a), len(b)
	var ops []byte
	for d := range slices.Backward(trace) {
		k := x - y
		from := step(trace, d, k)
		for x > from {
			ops = append(ops, ' ')
			x, y = x-1, y-1
		}
		if d == 0 {
			break
		}
		if down(trace, d, k) {
			ops = append(ops, '+')
			y--
		} else {
			ops = append(ops, '-')
			x--
		}
	}
	slices.Reverse(ops)
	return ops
}

// hunk is a stretch of a script around changes.
type hunk []edit

func hunks(edits []edit) []hunk {
	var out []hunk
	start, end := -1, -1
	for i, e := range edits {
		if e.op == ' ' {
			continue
		}
		if start >= 0 && i-end > 2*diffContext {
			out = append(out, edits[start:min(end+diffContext+1, len(edits))])
			start = -1
		}
		if start < 0 {
			start = max(i-diffContext, 0)
		}
		end = i
	}
	if start >= 0 {
		out = append(out, edits[start:min(end+diffContext+1, len(edits))])
	}
	return out
}

func (h hunk) write(out *strings.Builder) {
	olds, news := 0, 0
	for _, e := range h {
		if e.op != '+' {
			olds++
		}
		if e.op != '-' {
			news++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(h[0].oldLine, olds), span(h[0].newLine, news))
	for _, e := range h {
		out.WriteByte(e.op)
		out.WriteString(strings.TrimSuffix(Clean(e.text), "\n"))
		out.WriteByte('\n')
		if !strings.HasSuffix(e.text, "\n") {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

// span is "start,count"; an empty stretch stands after the line before it.
func span(before, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", before)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}
