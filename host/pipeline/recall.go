// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// findings are what the cache has of a plan's nodes, by the index of the node.
type findings struct {
	// results of the entries, nil where there is none.
	results []*NodeResult
	// tables tells which entries have one.
	tables []bool
	// pinned are the entries whose tables are read, until somebody takes them.
	pinned []CacheEntry
	notes  []*Problem
}

// lookUp asks the cache for every node. What cannot be read is not there. No
// entry is held: there may be more than a process may have files open.
func (p *Plan) lookUp(ctx context.Context, o Options) *findings {
	count := len(p.nodes)
	f := &findings{results: make([]*NodeResult, count), tables: make([]bool, count), pinned: make([]CacheEntry, count)}
	if o.Cache == nil {
		return f
	}
	for _, n := range p.nodes {
		if n.Kind != KindKernel && n.Kind != KindAB || n.cacheable == nil {
			continue
		}
		entry, result, err := o.recall(ctx, n.cacheable)
		if entry == nil && err == nil && n.transforms() {
			entry, result, err = o.recall(ctx, outcomeOnly(n.cacheable))
		}
		if err != nil {
			f.notes = append(f.notes, cacheNote(n.Name, err))
		}
		if entry != nil {
			f.results[n.index], f.tables[n.index] = result, entry.Table() != nil
			_ = entry.Close() // it was only read
		}
	}
	return f
}

// pin holds the entries whose tables a layout reads. It reports whether all of
// them are still there; one that is not is forgotten, for another layout.
func (f *findings) pin(ctx context.Context, p *Plan, l *layout, o Options) bool {
	all := true
	for _, n := range p.nodes {
		if l.kinds[n.index] != EdgeCache || f.pinned[n.index] != nil {
			continue
		}
		entry, err := o.Cache.Get(ctx, n.cacheable)
		if err == nil && entry != nil && entry.Table() != nil {
			f.pinned[n.index] = entry
			continue
		}
		f.results[n.index], f.tables[n.index], all = nil, false, false
	}
	return all
}

// recall reads an entry; both are nil when there is none.
func (o Options) recall(ctx context.Context, of []Ingredient) (CacheEntry, *NodeResult, error) {
	entry, err := o.Cache.Get(ctx, of)
	if err != nil || entry == nil {
		return nil, nil, err
	}
	result := &NodeResult{}
	if err = json.Unmarshal(entry.Outcome(), result); err == nil {
		result.State, err = entry.State()
	}
	if err != nil {
		_ = entry.Close() // it was only read
		return nil, nil, err
	}
	return entry, result, nil
}

func cacheNote(node string, err error) *Problem {
	note := problemf(node, "Cache that could not be used", "%v. The node ran without it.", err).because(err)
	note.Severity = SeverityWarning
	return note
}

// close lets go of the entries that nobody took.
func (f *findings) close() {
	for i, entry := range f.pinned {
		if entry != nil {
			_ = entry.Close() // it was only read
			f.pinned[i] = nil
		}
	}
}

// recall ends a node whose result is in the cache.
func (r *runner) recall(n *node, one *NodeResult, f *flow) {
	name, kind, use, state, key := one.Name, one.Kind, one.Use, one.Cache, one.CacheKey
	*one = *r.found.results[n.index]
	one.Name, one.Kind, one.Use, one.Cache, one.CacheKey = name, kind, use, state, key
	one.StartedAt, one.Wall, one.Attempts, one.Calls, one.CPU = time.Now(), 0, 0, nil, 0
	if entry := r.found.pinned[n.index]; entry != nil {
		f.table = cachedTable{entry.Table(), entry}
		r.found.pinned[n.index] = nil
	}
}

// cachedTable is the table of an entry, which is held until nobody reads it.
type cachedTable struct {
	Table
	entry CacheEntry
}

// Close lets go of the entry.
func (c cachedTable) Close() error { return c.entry.Close() }

// recallFit takes from the cache what a kernel has learnt before.
func (r *runner) recallFit(ctx context.Context, n *node, one *NodeResult) bool {
	if r.options.Cache == nil || n.cacheable == nil {
		return false
	}
	entry, was, err := r.options.recall(ctx, fitted(n.cacheable))
	if err != nil {
		one.Problems = append(one.Problems, cacheNote(n.Name, err))
	}
	if entry == nil {
		return false
	}
	defer func() { _ = entry.Close() }() // it was only read
	one.Fit, one.FitCache = was.Fit, CacheHit
	one.RowsIn, one.Problems = was.RowsIn, append(one.Problems, was.Problems...)
	one.learn(was.State)
	return true
}

// rememberFit keeps a state as soon as it was learnt.
func (r *runner) rememberFit(ctx context.Context, n *node, one *NodeResult) error {
	if r.options.Cache == nil || n.cacheable == nil {
		return nil
	}
	d := r.begin(ctx, n, fitted(n.cacheable), false)
	defer d.abort()
	return d.commit()
}

// remember keeps the result of a node without a table.
func (r *runner) remember(ctx context.Context, n *node) error {
	if r.options.Cache == nil || n.cacheable == nil {
		return nil
	}
	of := n.cacheable
	if n.transforms() {
		of = outcomeOnly(of)
	}
	d := r.begin(ctx, n, of, false)
	defer d.abort()
	return d.commit()
}

// rememberUnit keeps what a transform has made. A node that put rows aside is
// not kept: they would be missing the next time.
func (r *runner) rememberUnit(ctx context.Context, u *unit, last *draft) error {
	for _, n := range u.nodes {
		if r.of(n).RowsRejected > 0 {
			return nil
		}
	}
	for _, n := range u.nodes[:len(u.nodes)-1] {
		if err := r.remember(ctx, n); err != nil {
			return err
		}
	}
	return last.commit()
}

// draft is an entry in the making. A nil draft keeps nothing. An error of the
// cache ends the draft, not the run.
type draft struct {
	run   *runner
	node  *node
	to    CacheDraft // nil after an error
	table bool
}

// draft of the last node of a unit: with its table where it is kept anyway, or
// where the branch ends.
func (r *runner) draft(ctx context.Context, u *unit) *draft {
	last := u.last()
	if r.options.Cache == nil || last.cacheable == nil {
		return nil
	}
	if kind := r.layout.kinds[last.index]; kind == EdgeKept || kind == edgeNone {
		return r.begin(ctx, last, last.cacheable, true)
	}
	return r.begin(ctx, last, outcomeOnly(last.cacheable), false)
}

func (r *runner) begin(ctx context.Context, n *node, of []Ingredient, table bool) *draft {
	d := &draft{run: r, node: n, table: table}
	to, err := r.options.Cache.Create(ctx, of)
	if d.check(err) {
		d.to = to
	}
	return d
}

// check ends the draft after an error, which the node tells of.
func (d *draft) check(err error) bool {
	if err == nil {
		return true
	}
	one := d.run.of(d.node)
	one.Problems = append(one.Problems, cacheNote(d.node.Name, err))
	d.abort()
	return false
}

func (d *draft) keepsTable() bool { return d != nil && d.to != nil && d.table }

func (d *draft) declare(schema *arrow.Schema) {
	if d.keepsTable() {
		d.check(d.to.Table(schema))
	}
}

func (d *draft) append(batch arrow.RecordBatch) {
	if d.keepsTable() {
		d.check(d.to.Append(batch))
	}
}

// commit keeps the result as it is now. The error is that of a failpoint.
func (d *draft) commit() error {
	if d == nil || d.to == nil {
		return nil
	}
	one := d.run.of(d.node)
	if err := d.run.options.fail("caching " + one.Name); err != nil {
		return err
	}
	if one.State != nil && !d.check(d.to.State(one.State)) {
		return nil
	}
	outcome, err := json.Marshal(one)
	if d.check(err) && d.check(d.to.Commit(outcome)) {
		d.to = nil
	}
	return nil
}

// abort forgets a draft that was not committed.
func (d *draft) abort() {
	if d == nil || d.to == nil {
		return
	}
	to := d.to
	d.to = nil
	_ = to.Abort() // what it leaves is swept
}
