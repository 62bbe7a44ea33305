// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// asking bounds the kernels that are asked at the same time.
const asking = 16

// validate asks every kernel whose input is known, level by level, since the
// answer of one may tell the columns of the next.
func (p *Plan) validate(ctx context.Context, kernels Kernels) []*Problem {
	a := &asker{kernels: kernels, answers: map[question]*answer{}}
	found := make([][]*Problem, len(p.nodes))
	for rest := p.order; len(rest) > 0; {
		level := rest[:len(p.Levels[rest[0].public.Level])]
		rest = rest[len(level):]
		a.level(ctx, level, found)
		for _, n := range level {
			n.expect()
		}
	}
	var problems []*Problem
	for _, ps := range found {
		problems = append(problems, ps...)
	}
	return problems
}

// asker asks kernels, and each question once.
type asker struct {
	kernels Kernels
	mu      sync.Mutex
	answers map[question]*answer
}

// question is all that a verdict depends on.
type question struct {
	use    Use
	config string
	schema *arrow.Schema
	seed   uint64
	budget int64
}

type answer struct {
	once    sync.Once
	verdict *dataplane.Verdict
	problem *Problem
}

// level asks nodes that do not depend on each other.
func (a *asker) level(ctx context.Context, nodes []*node, found [][]*Problem) {
	var wg sync.WaitGroup
	turn := make(chan struct{}, asking)
	for _, n := range nodes {
		if n.Kind != KindKernel {
			continue
		}
		if n.public.Checked = a.when(n); n.public.Checked != CheckedNow {
			continue
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			found[n.index] = a.ask(ctx, n)
		})
	}
	wg.Wait()
}

func (a *asker) when(n *node) string {
	switch {
	case a.kernels == nil:
		return CheckedNot
	case n.input.schema == nil:
		return CheckedLater
	}
	return CheckedNow
}

// ask takes the verdict of a kernel on a known input into its node.
func (a *asker) ask(ctx context.Context, n *node) []*Problem {
	q := question{use: n.Use, config: string(n.Config), schema: n.input.schema, seed: n.Seed, budget: int64(n.Budget)}
	a.mu.Lock()
	got := a.answers[q]
	if got == nil {
		got = &answer{}
		a.answers[q] = got
	}
	a.mu.Unlock()
	got.once.Do(func() { got.verdict, got.problem = a.put(ctx, n) })
	if got.problem != nil {
		p := *got.problem
		p.Node = n.Name
		return []*Problem{&p}
	}
	n.learn(got.verdict)
	return fromDiagnostics(n.Name, got.verdict.Diagnostics)
}

// put puts the question to the kernel.
func (a *asker) put(ctx context.Context, n *node) (*dataplane.Verdict, *Problem) {
	k, err := a.kernels.Open(ctx, n.Use.Plugin)
	if err != nil {
		return nil, callProblem(n.Name, &startError{err})
	}
	verdict, err := k.Validate(ctx, n.open(n.input.schema))
	if err != nil {
		return nil, callProblem(n.Name, err)
	}
	if verdict.Output != nil {
		if err := table.CheckSchema(verdict.Output); err != nil {
			return nil, callProblem(n.Name, &dataplane.ProtocolError{Op: "validate", Reason: fmt.Sprintf("its output schema: %v", err)})
		}
	}
	return verdict, nil
}

// learn takes what a verdict tells of the output.
func (n *node) learn(v *dataplane.Verdict) {
	if v.Estimate != nil {
		n.public.Estimate = &Estimate{Estimate: *v.Estimate, Rows: -1}
	}
	if n.transforms() && v.Output != nil {
		n.schema, n.public.Columns = v.Output, columnsOf(v.Output)
	}
}

func columnsOf(schema *arrow.Schema) []source.Column {
	out := make([]source.Column, 0, schema.NumFields())
	for _, f := range schema.Fields() {
		role, _ := f.Metadata.GetValue(table.RoleKey)
		out = append(out, source.Column{Name: f.Name, Type: f.Type.String(), Role: role})
	}
	return out
}

// expect counts the rows that can come at most: a row-wise kernel writes no more
// than it reads.
func (n *node) expect() {
	switch {
	case n.Kind == KindAB:
		n.expectAB()
		return
	case n.source != nil:
		n.rows = n.source.Rows()
		return
	case n.input == nil:
		n.rows = -1
		return
	}
	in := n.input.rows
	n.rows = -1
	if n.Description.GetRowWise() {
		n.rows = in
	}
	e := n.public.Estimate
	if e == nil {
		return
	}
	if e.Rows = in; in >= 0 {
		e.TotalSeconds, e.TotalBytes = e.Seconds+e.SecondsPerRow*float64(in), e.Bytes+e.BytesPerRow*float64(in)
	}
}
