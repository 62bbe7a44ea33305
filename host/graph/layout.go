// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"cmp"
	"math"
	"slices"
)

// Point is a place, in the units of Spacing, from the top left corner.
type Point struct{ X, Y float64 }

// Box is where a node stands.
type Box struct {
	X, Y, Width, Height float64
	// Layer from 0 at the top, and Place in it from 0 at the left.
	Layer, Place int
}

// Path is the way of an edge. Each pair of points is joined by a line when
// they have the same X, else by a curve that leaves and arrives vertically and
// stays between their heights; in a plain layout also by horizontal lines.
type Path struct {
	// Points from Edge.From to Edge.To; none for an edge from a node to itself.
	Points []Point
	// Back is set when the edge leads upwards, as in a cycle.
	Back bool
}

// Layout is where everything stands; Boxes and Paths go by the numbers of the
// nodes and edges of the graph.
type Layout struct {
	Width, Height float64
	Boxes         []Box
	Paths         []Path
	// Layers counts them. Plain tells that long edges run beside the drawing.
	Layers int
	Plain  bool
}

// Spacing are the distances of a layout, in any unit.
type Spacing struct {
	// Column and Row are the distances of nodes side by side and of layers,
	// Slot that of the slots of edges, Margin the space around.
	Column, Row, Slot, Margin float64
	// Widest is the largest number of nodes side by side; 0 chooses by the
	// number of nodes, at least 8.
	Widest int
	// apart keeps edges into one node apart until they arrive: where lines have
	// corners, one could not tell those that meet from those that part.
	apart bool
}

func (s Spacing) widest(nodes int) int {
	if s.Widest > 0 {
		return s.Widest
	}
	return max(8, int(math.Ceil(1.1*math.Sqrt(float64(nodes)))))
}

// Arrange computes the layout of g for nodes of the sizes that size gives. The
// error is an *Error.
func Arrange(g *Graph, size func(*Node) (width, height float64), s Spacing) (*Layout, error) {
	d, err := newDigraph(g)
	if err != nil {
		return nil, err
	}
	return newArranger(g, d, s, size).layout(), nil
}

func newArranger(g *Graph, d *digraph, s Spacing, size func(*Node) (width, height float64)) *arranger {
	rank := d.layer(s.widest(len(g.Nodes)))
	o := orderLayers(newNet(d, rank, s.apart))
	a := &arranger{g: g, d: d, ordering: o, spacing: s, boxes: make([]Box, len(g.Nodes)), width: make([]float64, len(o.pos))}
	for i := range g.Nodes {
		b := &a.boxes[i]
		b.Width, b.Height = size(&g.Nodes[i])
		b.Layer, b.Place = rank[i], a.place(i)
		a.width[i] = b.Width
	}
	a.x = place(o, a.width, a.gap)
	for v, x := range a.x {
		a.right = max(a.right, x+a.width[v]/2)
	}
	a.stack()
	return a
}

// arranger turns an ordering into places.
type arranger struct {
	*ordering
	g       *Graph
	d       *digraph
	spacing Spacing
	boxes   []Box
	width   []float64
	x       []float64
	// top and bottom of each layer.
	top, bottom []float64
	// right is the end of the nodes, and channel the width of what stands there
	// for the long edges of a plain layout.
	right, channel float64
}

// place counts the nodes left of v in its layer.
func (a *arranger) place(v int) (n int) {
	for _, u := range a.layers[a.net.layerOf[v]][:a.pos[v]] {
		if !a.net.slot(u) {
			n++
		}
	}
	return n
}

func (a *arranger) gap(u, v int) float64 {
	if a.net.slot(u) && a.net.slot(v) {
		return a.spacing.Slot
	}
	if a.net.slot(u) || a.net.slot(v) {
		return (a.spacing.Slot + a.spacing.Column) / 2
	}
	return a.spacing.Column
}

// stack puts layer under layer. Where edges go far to a side, the gap is
// higher, so that they do not get too flat.
func (a *arranger) stack() {
	y := a.spacing.Margin
	for i, layer := range a.layers {
		height, reach := 0.0, 0.0
		for _, v := range layer {
			if !a.net.slot(v) {
				height = max(height, a.boxes[v].Height)
			}
			for _, w := range a.net.down[v] {
				reach = max(reach, math.Abs(a.x[v]-a.x[w]))
			}
		}
		a.top, a.bottom = append(a.top, y), append(a.bottom, y+height)
		for _, v := range layer {
			if !a.net.slot(v) {
				a.boxes[v].X, a.boxes[v].Y = a.spacing.Margin+a.x[v]-a.width[v]/2, y
			}
		}
		if y += height; i < len(a.layers)-1 {
			y += a.spacing.Row + min(reach/24, 2*a.spacing.Row)
		}
	}
}

func (a *arranger) layout() *Layout {
	l := &Layout{Boxes: a.boxes, Paths: make([]Path, len(a.d.ends)), Layers: len(a.layers), Plain: a.net.plain}
	ports := a.ports()
	for i, e := range a.d.ends {
		l.Paths[i].Back = e.back
		switch {
		case e.loop():
		case a.net.paths[i] == nil:
			l.Paths[i].Points = a.aside(e)
		default:
			l.Paths[i].Points = a.route(a.net.paths[i], ports[i])
		}
		if e.back {
			slices.Reverse(l.Paths[i].Points)
		}
	}
	l.Width = a.right + 2*a.spacing.Margin + a.channel
	l.Height = 2 * a.spacing.Margin
	if k := len(a.bottom); k > 0 {
		l.Height = a.bottom[k-1] + a.spacing.Margin
	}
	return l
}

// ports spread the edges that arrive at a node over its middle, by the order
// in which they come, and give the X of each edge.
func (a *arranger) ports() []float64 {
	at := make([]float64, len(a.d.ends))
	arriving := make([][]int, len(a.boxes))
	for i, p := range a.net.paths {
		if p != nil {
			arriving[p[len(p)-1]] = append(arriving[p[len(p)-1]], i)
		}
	}
	last := func(i int) int { return a.net.paths[i][len(a.net.paths[i])-2] }
	for v, edges := range arriving {
		slices.SortStableFunc(edges, func(i, j int) int { return cmp.Compare(a.pos[last(i)], a.pos[last(j)]) })
		var ways []int // edges that come along one trunk share its port
		for _, i := range edges {
			if k := len(ways); k == 0 || ways[k-1] != last(i) {
				ways = append(ways, last(i))
			}
			at[i] = float64(len(ways) - 1)
		}
		step := min(a.spacing.Slot, 0.6*a.width[v]/float64(max(len(ways), 1)))
		for _, i := range edges {
			at[i] = a.spacing.Margin + a.x[v] + (at[i]-float64(len(ways)-1)/2)*step
		}
	}
	return at
}

// route goes through the slots of a path.
func (a *arranger) route(path []int, port float64) []Point {
	first, last := path[0], path[len(path)-1]
	x := a.spacing.Margin + a.x[first]
	points := []Point{{x, a.boxes[first].Y + a.boxes[first].Height}}
	if y := a.bottom[a.net.layerOf[first]]; y > points[0].Y {
		points = append(points, Point{x, y})
	}
	for _, s := range path[1 : len(path)-1] {
		x, layer := a.spacing.Margin+a.x[s], a.net.layerOf[s]
		points = extend(extend(points, Point{x, a.top[layer]}), Point{x, a.bottom[layer]})
	}
	return extend(points, Point{port, a.boxes[last].Y})
}

// extend adds a point; one that goes on straight down replaces the last.
func extend(points []Point, p Point) []Point {
	k := len(points)
	if points[k-1] == p {
		return points
	}
	if k > 1 && points[k-1].X == p.X && points[k-2].X == p.X {
		points[k-1] = p
		return points
	}
	return append(points, p)
}

// aside goes down in the channel right of all nodes.
func (a *arranger) aside(e arc) []Point {
	from, to := a.boxes[e.from], a.boxes[e.to]
	a.channel = 3 * a.spacing.Slot
	lane := a.spacing.Margin + a.right + a.spacing.Slot*(1+float64(e.from%3)/2)
	x, goal := from.X+from.Width/2, to.X+to.Width/2
	leave := a.bottom[from.Layer] + a.spacing.Row*0.35
	enter := a.top[to.Layer] - a.spacing.Row*0.35
	return []Point{{x, from.Y + from.Height}, {x, leave}, {lane, leave}, {lane, enter}, {goal, enter}, {goal, to.Y}}
}
