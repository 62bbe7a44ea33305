// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// chain is a transform: a kernel and those that are fused to it. They run in
// step: a kernel waits while the next one has its batch.
type chain struct {
	service *Service
	stages  []*stage
	to      *transformSender
}

// stage is one kernel of a chain.
type stage struct {
	open     *pluginv1.Open
	state    []byte
	setup    *Setup
	instance Instance
	in       *Reader
	out      *Writer
	report   Report
	err      error
}

// These say that another stage failed, which tells why.
var (
	errBefore = errors.New("the kernel before this one failed")
	errAfter  = errors.New("the kernel after this one failed")
)

// begin makes the first kernel, and reports whether the call can go on. The
// others are made when the columns of their input are known.
func (c *chain) begin(ctx context.Context, open *pluginv1.Open) bool {
	first := &stage{open: open}
	c.stages = append(c.stages, first)
	for _, then := range open.GetThen() {
		c.stages = append(c.stages, &stage{open: then})
	}
	first.setup, first.instance, first.err = c.service.start(ctx, open)
	return first.err == nil && first.transforms()
}

// transforms insists on a Transformer.
func (g *stage) transforms() bool {
	if _, ok := g.instance.(Transformer); !ok {
		g.err = diag.Errorf("Kernel without transform", "Kernel %q only fits.", g.open.GetKernel())
	}
	return g.err == nil
}

func (c *chain) setStates(states [][]byte) {
	for i, g := range c.stages {
		g.state = states[i]
	}
}

// run runs all stages.
func (c *chain) run(ctx context.Context, w wire) {
	first := c.stages[0]
	first.in = &Reader{schema: first.setup.Schema, from: w}
	first.setup.reject = c.to.reject
	if len(c.stages) == 1 {
		first.out = &Writer{to: w}
		first.run(ctx)
		return
	}
	first.in.from = &traced{source: w, parents: &ancestry{}}
	c.lead(ctx, 0, first.in.from.(*traced).parents, w)
}

// lead runs a stage of several. Its rows come from those in parents.
func (c *chain) lead(ctx context.Context, i int, parents *ancestry, w wire) {
	g := c.stages[i]
	g.setup.trace = parents.of
	if i == len(c.stages)-1 {
		g.out = &Writer{to: &last{sink: w, stage: g, parents: parents}}
		g.run(ctx)
		return
	}
	p := newPipe(g, parents)
	p.start = func(schema *arrow.Schema) { c.follow(ctx, i+1, p, schema, w) }
	g.out = &Writer{to: p}
	g.run(ctx)
	p.close(g.err)
}

// follow makes the stage after a pipe, whose columns are known now, and runs it.
func (c *chain) follow(ctx context.Context, i int, p *pipe, schema *arrow.Schema, w wire) {
	g := c.stages[i]
	g.setup, g.instance, g.err = c.service.instance(g.open, schema, nil)
	if g.err == nil && g.transforms() {
		g.setup.reject = c.to.reject
		g.in = &Reader{schema: schema, from: p}
		c.lead(ctx, i, p.children, w)
	}
	p.leave(g.err)
}

// run loads the state and transforms.
func (g *stage) run(ctx context.Context) {
	g.err = guard(func() error { return g.transform(ctx) })
	if err := g.setup.flush(); g.err == nil {
		g.err = err
	}
}

func (g *stage) transform(ctx context.Context) (err error) {
	if f, ok := g.instance.(Fitter); ok {
		if err := f.Load(g.state); err != nil {
			return diag.Errorf("State that cannot be loaded", "%v. Fit the kernel again.", err)
		}
	}
	if o, ok := g.instance.(OutputSchemer); ok {
		schema, err := o.OutputSchema()
		if err == nil && schema != nil {
			err = g.out.Declare(schema)
		}
		if err != nil {
			return err
		}
	}
	g.report, err = g.instance.(Transformer).Transform(ctx, g.in, g.out)
	return err
}

// result tells what became of every stage.
func (c *chain) result() *pluginv1.TransformResponse {
	results := make([]*pluginv1.Result, len(c.stages))
	for i, g := range c.stages {
		results[i] = g.result()
	}
	together(results)
	r := results[0]
	r.Then = results[1:]
	return &pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Result{Result: r}}
}

func (g *stage) result() *pluginv1.Result {
	var in, out int64
	if g.in != nil {
		in = g.in.Rows()
	}
	if g.out != nil {
		out = g.out.Rows()
	}
	err := g.err
	if errors.Is(err, errBefore) || errors.Is(err, errAfter) {
		err = nil
	}
	return result(g.setup, g.report, in, out, err)
}

// traced is a source that remembers which rows it gave.
type traced struct {
	source
	parents *ancestry
	rows    int64
}

func (t *traced) next() (arrow.RecordBatch, error) {
	batch, err := t.source.next()
	if err == nil {
		t.parents.read(t.rows, batch.NumRows(), lineage{told: true, first: t.rows})
		t.rows += batch.NumRows()
	}
	return batch, err
}

// borrow does nothing: a stage that comes later may keep what passes through.
func (*traced) borrow() {}

// last is the sink of the last of several stages: what it writes is told by the
// rows of the call. As long as these are simply all of them, nothing is told.
type last struct {
	sink
	stage   *stage
	parents *ancestry
	rows    int64
	told    bool
}

func (l *last) write(batch arrow.RecordBatch, from lineage) error {
	from, err := l.stage.origins(l.parents, from, l.rows, batch.NumRows())
	if err != nil {
		return err
	}
	if l.told = l.told || from.list != nil || from.first != l.rows; !l.told {
		from = lineage{}
	}
	l.rows += batch.NumRows()
	return l.sink.write(batch, from)
}

// origins maps what a fused stage says of n rows, of which it wrote some before,
// to rows of the call.
func (g *stage) origins(parents *ancestry, from lineage, written, n int64) (lineage, error) {
	switch {
	case n == 0:
		return lineage{told: true, first: written}, nil
	case from.list != nil:
		list, err := parents.all(from.list)
		return lineage{told: true, list: list}, err
	case !from.told && g.setup.untold() > 0:
		return lineage{}, diag.Errorf("Rows without origins", "Kernel %q leaves rows out and does not say which ones it writes; a row-wise kernel that leaves rows out uses Writer.WriteFrom.", g.open.GetKernel())
	case !from.told:
		from.first = written
	}
	return parents.run(from.first, n)
}

// run maps n consecutive rows, which are consecutive mostly.
func (a *ancestry) run(first, n int64) (lineage, error) {
	for _, g := range a.batches {
		if first >= g.row && first+n <= g.row+g.n {
			return g.from.cut(int(first-g.row), int(n)), nil
		}
	}
	rows := make([]int64, n)
	for i := range rows {
		rows[i] = first + int64(i)
	}
	list, err := a.all(rows)
	return lineage{told: true, list: list}, err
}
