// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// tellEvery is the least time between two events of progress of a call.
const tellEvery = 100 * time.Millisecond

// position is how far a pass over a source is, for the node that reads it and
// those that its rows stream to. It tells the fraction of a table whose rows
// nobody knows before.
type position struct{ done, total atomic.Int64 }

// watch has the reading of a source keep the position.
func (p *position) watch(ctx context.Context) context.Context {
	return source.WithProgress(ctx, func(s source.Progress) {
		if s.Stage == source.StageRead {
			p.done.Store(s.Bytes)
			p.total.Store(s.Total)
		}
	})
}

// fraction is 0 to 1, or -1 when it cannot be told.
func (p *position) fraction() float64 {
	if p == nil || p.total.Load() <= 0 {
		return -1
	}
	return min(1, float64(p.done.Load())/float64(p.total.Load()))
}

// gauge measures how far a call is: by what its kernel says, by the rows that it
// has taken, or by the position in the source, whichever can be told.
type gauge struct {
	mu          sync.Mutex
	call        string
	attempt     int
	began, told time.Time
	total       int64 // rows that will come, -1 when nobody knows
	where       *position
	rows, bytes int64
	said        dataplane.Progress // by the kernel
}

func (w *worker) gauge(call string) *gauge {
	return &gauge{call: call, attempt: w.attempt, began: time.Now(), total: w.in.rows, where: w.in.position, said: dataplane.Progress{Fraction: -1}}
}

// progress makes the event of this moment.
func (g *gauge) progress() Progress {
	p := Progress{Call: g.call, Attempt: g.attempt, Fraction: g.fraction(), Message: g.said.Message, Rows: g.rows, Bytes: g.bytes, ETA: -1}
	took := time.Since(g.began)
	if took > 0 {
		p.RowsPerSecond = float64(g.rows) / took.Seconds()
	}
	if p.Fraction > 0 {
		p.ETA = time.Duration(float64(took) * (1 - p.Fraction) / p.Fraction)
	}
	return p
}

func (g *gauge) fraction() float64 {
	switch {
	case g.said.Fraction >= 0:
		return g.said.Fraction
	case g.total >= 0:
		return min(1, float64(g.rows)/float64(max(1, g.total)))
	}
	return g.where.fraction()
}

// take counts a batch. The progress is to be told when it is time to.
func (g *gauge) take(batch arrow.RecordBatch) (Progress, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rows, g.bytes = g.rows+batch.NumRows(), g.bytes+edge.Size(batch)
	if time.Since(g.told) < tellEvery {
		return Progress{}, false
	}
	g.told = time.Now()
	return g.progress(), true
}

// hear takes what a kernel says.
func (g *gauge) hear(p dataplane.Progress) Progress {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.said = p
	return g.progress()
}

// end is the progress when all rows were taken, which for a fit is not its end.
func (g *gauge) end() Progress {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.progress()
	if g.call != "fit" {
		p.Fraction, p.ETA = 1, 0
	}
	return p
}

// watched is the input with its progress told: of the first batch, then from
// time to time, and of the last one.
func (w *worker) watched(ctx context.Context, g *gauge) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		in := w.in.batches(ctx)
		if g.call == "fit" {
			in = w.in.lessons(ctx)
		}
		for batch, err := range in {
			if !yield(batch, err) || err != nil {
				return
			}
			if p, due := g.take(batch); due {
				w.tell(p)
			}
		}
		w.tell(g.end())
	}
}

// tell makes an event of progress for every node of the unit.
func (w *worker) tell(p Progress) {
	for _, n := range w.unit.nodes {
		w.run.events.progress(n.Name, p)
	}
}
