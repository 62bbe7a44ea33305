// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errFull is the reason of a loss for want of room.
var errFull = errors.New("the queue is full, since the receiver is slower than the run")

// queue keeps items until they are sent, a batch at a time, by one goroutine.
// To put one never waits.
type queue[T any] struct {
	limit, batch int
	every        time.Duration
	// send returns how many of the batch the receiver refused. With an error
	// all of it is lost.
	send func(ctx context.Context, batch []T) (refused int, err error)
	// lost is told of losses, from any goroutine.
	lost func(n int, err error)
	wake chan struct{}

	mu    sync.Mutex
	items []T
	total Counts
}

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	if len(q.items) >= q.limit {
		q.total.Dropped++
		q.mu.Unlock()
		q.lost(1, errFull)
		return
	}
	q.items = append(q.items, item)
	full := len(q.items) >= q.batch
	q.mu.Unlock()
	if full {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// run sends until stop is closed, then what is left, or until ctx ends.
func (q *queue[T]) run(ctx context.Context, stop <-chan struct{}) {
	tick := time.NewTicker(q.every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			q.flush(ctx)
			return
		case <-tick.C:
			q.flush(ctx)
		case <-q.wake:
			q.flush(ctx)
		}
	}
}

func (q *queue[T]) flush(ctx context.Context) {
	for batch := q.take(); len(batch) > 0; batch = q.take() {
		refused, err := q.send(ctx, batch)
		if err != nil {
			refused = len(batch)
		}
		q.mu.Lock()
		q.total.Delivered += len(batch) - refused
		q.total.Dropped += refused
		q.mu.Unlock()
		if refused > 0 {
			if err == nil {
				err = errors.New("the receiver refused a part of them")
			}
			q.lost(refused, err)
		}
	}
}

func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.items), q.batch)
	batch := append([]T(nil), q.items[:n]...)
	clear(q.items[:n])
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	}
	return batch
}

func (q *queue[T]) counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.total
	c.Dropped += len(q.items)
	return c
}
