// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"slices"
)

// wire is all that leaves one vertex of a layer for the next one: it goes down
// from column from, along a track, and down to the columns to.
type wire struct {
	from   int
	to     []int
	track  int
	vertex int
}

func (w *wire) straight() bool {
	return !slices.ContainsFunc(w.to, func(x int) bool { return x != w.from })
}

func (w *wire) span() (low, high int) {
	return min(w.from, slices.Min(w.to)), max(w.from, slices.Max(w.to))
}

// gapBelow draws what is between layer i and the next from row y on: a row with
// what the wires carry, their tracks, and a row of tips.
func (t *terminalDrawing) gapBelow(i, y int) int {
	wires, tips := t.wires(i)
	tracks, ok := assign(wires)
	t.tangled = t.tangled || !ok
	last := y + tracks + 1
	for _, w := range wires {
		t.canvas.pen = w.vertex + 1
		if w.straight() {
			t.canvas.vertical(w.from, y, last)
			continue
		}
		row := y + 1 + w.track
		low, high := w.span()
		t.canvas.vertical(w.from, y, row)
		t.canvas.horizontal(row, low, high)
		for _, x := range w.to {
			t.canvas.vertical(x, row, last)
		}
	}
	t.canvas.pen = 0
	for _, v := range t.layers[i] {
		t.connect(v, y)
	}
	for _, v := range t.layers[i+1] {
		if t.net.slot(v) {
			t.canvas.vertical(t.col[v], last, last+1)
		}
	}
	for _, x := range tips {
		t.canvas.write(x, last, t.canvas.arrow())
	}
	t.labels(wires, y)
	return last + 1
}

// connect joins what leaves v with the gap.
func (t *terminalDrawing) connect(v, y int) {
	if len(t.net.down[v]) > 0 {
		t.canvas.at(t.middle(v), y).lines |= up
	}
}

// labels writes what a node gives beside its wire, where there is room.
func (t *terminalDrawing) labels(wires []*wire, y int) {
	for _, w := range wires {
		if t.net.slot(w.vertex) {
			continue
		}
		id := t.g.Nodes[w.vertex].ID
		switch text := t.same[id]; {
		case text == "" || t.inside[id]:
		case w.from+2+columns(text) <= t.screen && t.canvas.free(w.from+1, y, columns(text)+2):
			t.canvas.write(w.from+2, y, text)
		default:
			t.crowded[id] = true
		}
	}
}

// wires are those from layer i, with the columns in which tips stand.
func (t *terminalDrawing) wires(i int) (wires []*wire, tips []int) {
	sources := map[int]int{}
	byVertex := map[int]*wire{}
	for _, v := range t.layers[i] {
		if len(t.net.down[v]) > 0 {
			w := &wire{from: t.middle(v), vertex: v}
			sources[w.from], byVertex[v] = v, w
			wires = append(wires, w)
		}
	}
	for _, v := range t.layers[i+1] {
		taken := map[int]bool{}
		inputs := slices.SortedFunc(slices.Values(t.net.up[v]), func(a, b int) int { return cmp.Compare(t.pos[a], t.pos[b]) })
		for k, u := range inputs {
			x := t.col[v]
			if !t.net.slot(v) {
				x = t.port(v, u, 2*k-len(inputs)+1, sources, taken)
				tips = append(tips, x)
			}
			taken[x] = true
			byVertex[u].to = append(byVertex[u].to, x)
		}
	}
	return wires, tips
}

// port is a free column on top of a box, as near to the middle and offset as
// can be: one that no other wire leaves above, so that no two lines meet.
func (t *terminalDrawing) port(v, u, offset int, sources map[int]int, taken map[int]bool) int {
	middle, reach := t.middle(v)+offset, int(t.width[v])/2-1
	for d := range 2 * reach {
		for _, x := range []int{middle + d, middle - d} {
			other, busy := sources[x]
			if abs(x-t.middle(v)) <= reach && !taken[x] && (!busy || other == u) {
				return x
			}
		}
	}
	t.tangled = true
	return t.middle(v)
}

func abs(n int) int { return max(n, -n) }

// assign gives every wire that is not straight a track, and returns how many
// there are. Where a wire leaves in the column in which another arrives, it
// takes a higher track, so that the two do not touch; it is not ok when wires
// ask that of each other.
func assign(wires []*wire) (tracks int, ok bool) {
	ok = true
	var placed, waiting []*wire
	for _, w := range wires {
		if len(w.to) > 0 && !w.straight() {
			waiting = append(waiting, w)
		}
	}
	for len(waiting) > 0 {
		k := slices.IndexFunc(waiting, func(w *wire) bool { return !arrivesUnder(w, waiting) })
		ok = ok && k >= 0
		w := waiting[max(k, 0)] // in a circle, any of them
		waiting = slices.DeleteFunc(waiting, func(other *wire) bool { return other == w })
		for _, p := range placed {
			if slices.Contains(w.to, p.from) {
				w.track = max(w.track, p.track+1)
			}
		}
		for slices.ContainsFunc(placed, func(p *wire) bool { return p.track == w.track && touch(p, w) }) {
			w.track++
		}
		placed = append(placed, w)
		tracks = max(tracks, w.track+1)
	}
	return tracks, ok
}

// arrivesUnder reports whether w arrives where another leaves.
func arrivesUnder(w *wire, others []*wire) bool {
	return slices.ContainsFunc(others, func(o *wire) bool { return o != w && slices.Contains(w.to, o.from) })
}

func touch(a, b *wire) bool {
	lowA, highA := a.span()
	lowB, highB := b.span()
	return lowA <= highB && lowB <= highA
}
