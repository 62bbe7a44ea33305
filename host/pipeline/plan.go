// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// Kernels gives the kernels of plugins. Open returns a kernel whose process is
// alive: after a lost process it gives one on a fresh process.
type Kernels interface {
	Open(ctx context.Context, plugin string) (dataplane.Kernel, error)
}

// Values of PlannedNode.Checked.
const (
	// CheckedNow means that the kernel accepted its settings for its input.
	CheckedNow = "checked"
	// CheckedLater means that the input is known only after a transform ran;
	// the kernel is asked then, before it is fitted.
	CheckedLater = "known after run"
	// CheckedNot means that the caller gave no kernels to ask.
	CheckedNot = "not asked"
)

// Plan is a pipeline that can run.
type Plan struct {
	Pipeline string `json:"pipeline"`
	// Levels hold the names of nodes that may run at the same time, in the
	// order of the pipeline: level n needs level n-1 or lower.
	Levels [][]string     `json:"levels"`
	Nodes  []*PlannedNode `json:"nodes"`
	// Edges in the order of the nodes that they lead to.
	Edges []PlannedEdge `json:"edges"`
	// Segments is the number of chains of nodes that run on their own.
	Segments int `json:"segments"`

	nodes     []*node // as written
	order     []*node // by level
	byName    map[string]*node
	plugins   map[string]Plugin
	batch     edge.Limits
	suggested int
}

// PlannedEdge says how the table of a node reaches another one.
type PlannedEdge struct {
	From string   `json:"from"`
	To   string   `json:"to"`
	Kind EdgeKind `json:"kind"`
}

// PlannedNode is the public side of a node of a plan.
type PlannedNode struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Use is "plugin.kernel", Path the file of a source or a sink.
	Use         string        `json:"use,omitempty"`
	Path        string        `json:"path,omitempty"`
	Compartment string        `json:"compartment,omitempty"`
	Inputs      []string      `json:"inputs,omitempty"`
	Consumers   []string      `json:"consumers,omitempty"`
	Level       int           `json:"level"`
	Fits        bool          `json:"fits,omitempty"`
	Transforms  bool          `json:"transforms,omitempty"`
	RowWise     bool          `json:"row_wise,omitempty"`
	Undoes      bool          `json:"undoes,omitempty"`
	Budget      time.Duration `json:"budget_ns,omitempty"`
	Timeout     time.Duration `json:"timeout_ns,omitempty"`
	OnFailure   OnFailure     `json:"on_failure"`
	Retries     int           `json:"retries,omitempty"`
	Seed        uint64        `json:"seed"`
	// Checked tells of a kernel whether it accepted its settings; see the
	// constants. Empty for a source.
	Checked string `json:"checked,omitempty"`
	// Grants of the plugin.
	Grants []string `json:"grants,omitempty"`
	// Rows and Bytes of a source: of the table and of the file; -1 rows when
	// they are not known before the run.
	Rows  int64 `json:"rows,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	// Columns of a source, and of what a kernel will write, where it tells.
	Columns []source.Column `json:"columns,omitempty"`
	// Estimate is what a kernel says that it takes, and what follows for the
	// rows that are expected; nil when it makes none.
	Estimate *Estimate `json:"estimate,omitempty"`
	// Segment is the number of the chain of nodes that the node runs in; 0 for
	// one that does not run, such as a source that is read by its consumers.
	Segment int `json:"segment,omitempty"`
	// Cache is hit, miss or off, and CacheKey the digest of what the result
	// depends on, empty when it is off.
	Cache    CacheState `json:"cache,omitempty"`
	CacheKey string     `json:"cache_key,omitempty"`
	// AB of a comparison, and Arm of a kernel that is a part of one.
	AB  *AB  `json:"ab,omitempty"`
	Arm *Arm `json:"arm,omitempty"`
}

// Estimate of a node: of its kernel, and for its expected rows.
type Estimate struct {
	dataplane.Estimate
	// Rows that are expected to come in, at most; -1 when nobody knows.
	Rows int64 `json:"rows"`
	// TotalSeconds and TotalBytes are the estimate for these rows, 0 when they
	// are not known.
	TotalSeconds float64 `json:"total_seconds,omitempty"`
	TotalBytes   float64 `json:"total_bytes,omitempty"`
}

// node is a node of a plan with what the engine needs.
type node struct {
	Node
	public    *PlannedNode
	index     int // in Plan.nodes
	input     *node
	second    *node // arm b of a comparison, whose arm a is input
	consumers []*node
	source    Source
	schema    *arrow.Schema // of its table, where known
	rows      int64         // of its table at most; -1 when not known
	cacheable []Ingredient  // what its result depends on; nil when it is not cached
}

// MakePlan checks p. The plan is nil when one of the problems is an error;
// warnings and notes come with a plan. Nil kernels skip the kernels' own check.
// Sources are opened and, where their kind asks for it, read once from end to
// end, which finds every bad value.
func MakePlan(ctx context.Context, p Pipeline, kernels Kernels, o Options) (*Plan, []*Problem) {
	plan, problems := link(p)
	if HasErrors(problems) {
		return nil, problems
	}
	o = o.withDefaults()
	problems = append(problems, plan.openSources(ctx, kernels)...)
	problems = append(problems, plan.validate(ctx, kernels)...)
	problems = append(problems, plan.compareSchemas()...)
	if HasErrors(problems) {
		return nil, problems
	}
	if o.Cache != nil {
		problems = append(problems, plan.identify(ctx)...)
	}
	plan.describe(ctx, o)
	return plan, problems
}

// describe puts into the public plan what Run will do under the same options.
func (p *Plan) describe(ctx context.Context, o Options) {
	found := p.lookUp(ctx, o)
	l := p.lay(o, found)
	p.Segments, p.Edges = len(l.segments), []PlannedEdge{}
	for _, n := range p.nodes {
		n.public.Cache, n.public.CacheKey = l.cached(n, o, found), KeyOf(n.cacheable)
		if u := l.units[n.index]; u != nil {
			n.public.Segment = u.segment.number
		}
		for _, from := range n.inputs() {
			p.Edges = append(p.Edges, PlannedEdge{From: from.Name, To: n.Name, Kind: l.kinds[from.index]})
		}
	}
}

// alone reports whether a node reads a complete table and shows its own only
// when it has ended; see the package doc.
func (n *node) alone() bool {
	return n.OnFailure == Retry || n.Budget > 0 || n.Timeout > 0
}

// reads counts how often a node reads its input.
func (n *node) reads() int {
	total := 0
	if n.Kind == KindSink || n.transforms() {
		total++
	}
	if n.fits() {
		total++
	}
	if n.OnFailure == Quarantine && n.transforms() {
		total++ // to copy what was rejected
	}
	return total
}

func (n *node) fits() bool { return n.Kind == KindKernel && n.Description.GetFits() }
func (n *node) transforms() bool {
	return n.Kind == KindAB || n.Kind == KindKernel && n.Description.GetTransforms()
}

// open is the opening of a call on an input.
func (n *node) open(schema *arrow.Schema) dataplane.Open {
	return dataplane.Open{
		Kernel: n.Use.Kernel, Config: n.Config, Schema: schema, Seed: n.Seed, Budget: n.Budget, Node: n.Name,
		RowWise: n.Description.GetRowWise(),
	}
}
