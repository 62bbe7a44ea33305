// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pusher sends all metrics again and again. They are cumulative, so that what
// one push lost the next one makes good.
type pusher struct {
	poster   *poster
	resource message
	registry *registry
	every    time.Duration
	lost     func(n int, err error)

	mu    sync.Mutex
	total Counts
}

// run pushes until stop is closed, and then once more.
func (p *pusher) run(ctx context.Context, stop <-chan struct{}) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			p.once(ctx)
			return
		case <-tick.C:
			p.once(ctx)
		}
	}
}

func (p *pusher) once(ctx context.Context) {
	families := p.registry.snapshots()
	if len(families) == 0 {
		return
	}
	refused, err := p.poster.post(ctx, encodeMetrics(p.resource, families, p.registry.start, time.Now()))
	p.mu.Lock()
	if err != nil || refused > 0 {
		p.total.Dropped++
	} else {
		p.total.Delivered++
	}
	p.mu.Unlock()
	if err == nil && refused > 0 {
		err = errors.New("the receiver refused a part of them")
	}
	if err != nil {
		p.lost(1, err)
	}
}

func (p *pusher) counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}
