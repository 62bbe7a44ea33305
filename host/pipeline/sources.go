// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// Source is a table outside of the pipeline, which can be read again and again:
// a source.Table.
type Source interface {
	Schema() *arrow.Schema
	// Rows of the table; -1 when they are not known before it is read.
	Rows() int64
	// Bytes of the file.
	Bytes() int64
	Columns() []source.Column
	Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
	// Digest of the bytes that the rows are read from.
	Digest(ctx context.Context) (string, error)
}

var _ Source = source.Table(nil)

// openSources opens the files of source nodes, several at a time.
func (p *Plan) openSources(ctx context.Context, kernels Kernels) []*Problem {
	var decoder source.Decoder
	if kernels != nil {
		decoder = Decoder{Kernels: kernels, Plugin: TablesPlugin}
	}
	found := make([][]*Problem, len(p.nodes))
	var wg sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, n := range p.nodes {
		if n.Kind != KindSource {
			continue
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			found[n.index] = n.openSource(ctx, decoder)
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

func (n *node) openSource(ctx context.Context, decoder source.Decoder) []*Problem {
	t, err := source.Open(ctx, *n.Source, decoder)
	if err != nil {
		return []*Problem{sourceProblem(n.Name, err)}
	}
	n.source, n.schema = t, t.Schema()
	n.public.Rows, n.public.Bytes, n.public.Columns, n.public.Path = t.Rows(), t.Bytes(), t.Columns(), t.Path()
	if blank := t.BlankLines(); blank > 0 {
		note := problemf(n.Name, "Blank lines skipped", "%s has %d blank lines, which are no rows.", t.Path(), blank)
		note.Severity = SeverityInfo
		return []*Problem{note}
	}
	return nil
}

func sourceProblem(node string, err error) *Problem {
	if e, ok := errors.AsType[*source.Error](err); ok {
		return problemf(node, e.Summary, "%s: %s", e.Where(), e.Detail).because(err)
	}
	return problemf(node, "Source that cannot be read", "%v", err).because(err)
}
