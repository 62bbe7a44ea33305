// SPDX-License-Identifier: Apache-2.0

package pipeline

// EdgeKind says how the table of a node reaches a consumer; see the package doc.
type EdgeKind string

// Kinds of edges. Spilled is a kept one of which a part went to disk.
const (
	EdgeFused   EdgeKind = "fused"
	EdgeStream  EdgeKind = "stream"
	EdgeKept    EdgeKind = "kept"
	EdgeSpilled EdgeKind = "spilled"
	EdgeFile    EdgeKind = "file"
	EdgeCache   EdgeKind = "cache"
	// edgeNone is the output of a node that nobody reads or keeps.
	edgeNone EdgeKind = ""
)

// layout is how a plan runs under given options and with what the cache has.
type layout struct {
	// kinds is the way that the output of a node takes, by its index.
	kinds []EdgeKind
	// runs tells which nodes run, by index: the others are sources that are read
	// by their consumers, and hits of the cache.
	runs []bool
	// units by the index of each of their nodes, nil for one that does not run.
	units    []*unit
	segments []*segment
}

// unit is what runs in one goroutine: one node, or several fused kernels.
type unit struct {
	nodes   []*node
	segment *segment
	place   int // in the segment
}

func (u *unit) head() *node { return u.nodes[0] }
func (u *unit) last() *node { return u.nodes[len(u.nodes)-1] }

// segment is a chain of units joined by streams, which start together.
type segment struct {
	number int // from 1, in the order of the levels
	units  []*unit
	// position is the run's; units ask for it when they start.
	position *position
}

func (s *segment) head() *node { return s.units[0].head() }

// lay decides the ways of all tables, in time linear in the plan.
func (p *Plan) lay(o Options, found *findings) *layout {
	l := &layout{kinds: make([]EdgeKind, len(p.nodes)), runs: make([]bool, len(p.nodes)), units: make([]*unit, len(p.nodes))}
	for i := len(p.order) - 1; i >= 0; i-- { // consumers before their input
		n := p.order[i]
		l.runs[n.index] = l.mustRun(n, o, found)
		l.kinds[n.index] = l.way(n, o)
	}
	for _, n := range p.order {
		if l.runs[n.index] {
			l.join(n)
		}
	}
	return l
}

// wanted reports whether somebody needs the table of a node.
func (l *layout) wanted(n *node, o Options) bool {
	return l.readers(n) > 0 || n.transforms() && o.Keep.keeps(n)
}

// readers counts the consumers of a node that run.
func (l *layout) readers(n *node) int {
	total := 0
	for _, c := range n.consumers {
		if l.runs[c.index] {
			total++
		}
	}
	return total
}

// readings counts how often the table of a node is read.
func (l *layout) readings(n *node) int {
	total := 0
	for _, c := range n.consumers {
		if l.runs[c.index] {
			total += c.reads()
		}
	}
	return total
}

func (l *layout) mustRun(n *node, o Options, found *findings) bool {
	switch n.Kind {
	case KindSink:
		return true
	case KindSource:
		return l.loads(n, o)
	}
	return found.results[n.index] == nil || l.wanted(n, o) && n.transforms() && !found.tables[n.index]
}

// loads reports whether a source is read once into memory: it is small, and
// would be read several times.
func (l *layout) loads(n *node, o Options) bool {
	return l.readings(n) >= 2 && n.source.Bytes() <= o.MaxTableBytes/4
}

// way of the table of a node.
func (l *layout) way(n *node, o Options) EdgeKind {
	runs := l.runs[n.index]
	switch {
	case n.Kind == KindSource && runs:
		return EdgeKept
	case n.Kind == KindSource:
		return EdgeFile
	case !l.wanted(n, o):
		return edgeNone
	case !runs:
		return EdgeCache
	case !l.streams(n, o):
		return EdgeKept
	case !o.NoFusion && fuses(n, l.reader(n)):
		return EdgeFused
	}
	return EdgeStream
}

// streams reports whether the only reader of a node may read while it writes.
func (l *layout) streams(n *node, o Options) bool {
	return l.readings(n) == 1 && !o.Keep.keeps(n) && !n.alone() && !l.reader(n).alone() && l.reader(n).Kind != KindAB
}

// reader is the only consumer of n that runs.
func (l *layout) reader(n *node) *node {
	for _, c := range n.consumers {
		if l.runs[c.index] {
			return c
		}
	}
	return nil
}

// fuses reports whether the plugin of n can hand its rows to c itself. What a
// fused kernel rejects cannot be told apart, and what it did outside could not
// be taken back alone.
func fuses(n, c *node) bool {
	if n.Use.Plugin != c.Use.Plugin || c.Arm != nil || c.fits() || c.public.Checked != CheckedNow || n.OnFailure != c.OnFailure {
		return false
	}
	for _, k := range []*node{n, c} {
		if !k.transforms() || !k.Description.GetRowWise() || k.Description.GetUndoes() {
			return false
		}
		if k.OnFailure == Continue || k.OnFailure == Quarantine {
			return false
		}
	}
	return true
}

// join puts a node into the unit or the segment of its input, or into new ones.
func (l *layout) join(n *node) {
	kind := edgeNone
	if n.input != nil {
		kind = l.kinds[n.input.index]
	}
	var u *unit
	switch kind {
	case EdgeFused:
		u = l.units[n.input.index]
		u.nodes = append(u.nodes, n)
	case EdgeStream:
		u = &unit{nodes: []*node{n}, segment: l.units[n.input.index].segment}
		u.place = len(u.segment.units)
		u.segment.units = append(u.segment.units, u)
	default:
		u = &unit{nodes: []*node{n}, segment: &segment{number: len(l.segments) + 1}}
		u.segment.units = []*unit{u}
		l.segments = append(l.segments, u.segment)
	}
	l.units[n.index] = u
}

// cached says what the cache does for a node.
func (l *layout) cached(n *node, o Options, found *findings) CacheState {
	switch {
	case n.Kind != KindKernel && n.Kind != KindAB:
		return ""
	case o.Cache == nil || n.cacheable == nil:
		return CacheOff
	case found.results[n.index] != nil && !l.runs[n.index]:
		return CacheHit
	}
	return CacheMiss
}
