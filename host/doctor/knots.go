// SPDX-License-Identifier: Apache-2.0

package doctor

// tarjan finds the strongly connected components of a graph in one walk
// (R. Tarjan, Depth-first search and linear graph algorithms, 1972).
type tarjan struct {
	graph
	next   int
	index  []int // order of discovery from 1; 0 is not yet discovered
	low    []int // earliest finding on the stack that can be reached
	stack  []int
	onPath []bool
	knots  [][]int
	of     []int
}

// knots returns the components, and the component of each finding.
func (g graph) knots() (knots [][]int, of []int) {
	n := len(g.findings)
	t := tarjan{graph: g, index: make([]int, n), low: make([]int, n), onPath: make([]bool, n), of: make([]int, n)}
	for i := range g.findings {
		if t.index[i] == 0 {
			t.visit(i)
		}
	}
	return t.knots, t.of
}

func (t *tarjan) visit(i int) {
	t.next++
	t.index[i], t.low[i] = t.next, t.next
	t.stack = append(t.stack, i)
	t.onPath[i] = true
	for _, j := range t.explains[i] {
		switch {
		case t.index[j] == 0:
			t.visit(j)
			t.low[i] = min(t.low[i], t.low[j])
		case t.onPath[j]:
			t.low[i] = min(t.low[i], t.index[j])
		}
	}
	if t.low[i] == t.index[i] {
		t.close(i)
	}
}

// close takes the component whose first member is i from the stack.
func (t *tarjan) close(i int) {
	var knot []int
	for {
		j := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.onPath[j] = false
		t.of[j] = len(t.knots)
		knot = append(knot, j)
		if j == i {
			break
		}
	}
	t.knots = append(t.knots, knot)
}
