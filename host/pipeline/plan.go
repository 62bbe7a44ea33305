// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
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

	nodes  []*node
	byName map[string]*node
}

// PlannedNode is the public side of a node of a plan.
type PlannedNode struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Use is "plugin.kernel", Path the file of a source.
	Use         string        `json:"use,omitempty"`
	Path        string        `json:"path,omitempty"`
	Compartment string        `json:"compartment,omitempty"`
	Inputs      []string      `json:"inputs,omitempty"`
	Consumers   []string      `json:"consumers,omitempty"`
	Level       int           `json:"level"`
	Fits        bool          `json:"fits,omitempty"`
	Transforms  bool          `json:"transforms,omitempty"`
	Budget      time.Duration `json:"budget_ns,omitempty"`
	Timeout     time.Duration `json:"timeout_ns,omitempty"`
	OnFailure   OnFailure     `json:"on_failure"`
	Retries     int           `json:"retries,omitempty"`
	Seed        uint64        `json:"seed"`
	// Checked tells of a kernel whether it accepted its settings; see the
	// constants. Empty for a source.
	Checked string `json:"checked,omitempty"`
	// Rows, Bytes and Columns of a source, whose file was read once. Those
	// behind a kernel are known after the run.
	Rows    int64           `json:"rows,omitempty"`
	Bytes   int64           `json:"bytes,omitempty"`
	Columns []source.Column `json:"columns,omitempty"`
}

// node is a node of a plan with what the engine needs.
type node struct {
	Node
	public    *PlannedNode
	input     *node
	consumers []*node
	source    *source.Table
	schema    *arrow.Schema // of its input where known; of its output for a source
}

// MakePlan checks p. The plan is nil when one of the problems is an error;
// warnings and notes come with a plan. Nil kernels skip the kernels' own check.
// Sources are read once from end to end, which finds every bad value.
func MakePlan(ctx context.Context, p Pipeline, kernels Kernels) (*Plan, []*Problem) {
	plan, problems := link(p)
	if HasErrors(problems) {
		return nil, problems
	}
	problems = append(problems, plan.openSources(ctx)...)
	problems = append(problems, plan.validate(ctx, kernels)...)
	if HasErrors(problems) {
		return nil, problems
	}
	return plan, problems
}

// openSources reads the files of source nodes for the first time.
func (p *Plan) openSources(ctx context.Context) []*Problem {
	var problems []*Problem
	for _, n := range p.nodes {
		if n.Kind != KindSource {
			continue
		}
		t, err := source.Open(ctx, *n.Source)
		if err != nil {
			problems = append(problems, sourceProblem(n.Name, err))
			continue
		}
		n.source, n.schema = t, t.Schema()
		n.public.Rows, n.public.Bytes, n.public.Columns = t.Rows(), t.Bytes(), t.Columns()
		if blank := t.BlankLines(); blank > 0 {
			note := problemf(n.Name, "Blank lines skipped", "%s has %d blank lines, which are no rows.", n.Source.Path, blank)
			note.Severity = SeverityInfo
			problems = append(problems, note)
		}
	}
	return problems
}

func sourceProblem(node string, err error) *Problem {
	if e, ok := errors.AsType[*source.Error](err); ok {
		return problemf(node, e.Summary, "%s: %s", e.Where(), e.Detail).because(err)
	}
	return problemf(node, "Source that cannot be read", "%v", err).because(err)
}

// validate asks every kernel whose input is known.
func (p *Plan) validate(ctx context.Context, kernels Kernels) []*Problem {
	var problems []*Problem
	for _, n := range p.nodes {
		if n.Kind != KindKernel {
			continue
		}
		n.public.Checked = CheckedLater
		if kernels == nil {
			n.public.Checked = CheckedNot
		} else if n.input.source != nil {
			n.public.Checked = CheckedNow
			problems = append(problems, n.ask(ctx, kernels)...)
		}
	}
	return problems
}

// ask opens the kernel and lets it check its settings for a known input.
func (n *node) ask(ctx context.Context, kernels Kernels) []*Problem {
	k, err := kernels.Open(ctx, n.Use.Plugin)
	if err != nil {
		return []*Problem{callProblem(n.Name, &startError{err})}
	}
	ds, err := k.Validate(ctx, n.open(n.input.schema))
	if err != nil {
		return []*Problem{callProblem(n.Name, err)}
	}
	return fromDiagnostics(n.Name, ds)
}

// open is the opening of a call on an input.
func (n *node) open(schema *arrow.Schema) dataplane.Open {
	return dataplane.Open{Kernel: n.Use.Kernel, Config: n.Config, Schema: schema, Seed: n.Seed, Budget: n.Budget, Node: n.Name}
}
