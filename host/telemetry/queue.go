// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// errFull is the reason of a loss for want of room.
var errFull = errors.New("the queue is full, since the receiver is slower than the run")

// queue keeps items until they are sent, a batch at a time, by one goroutine.
// To put one never waits. An item is kept as it is sent, in bytes: nothing that
// the collector of garbage has to look through, and written while it is in the
// processor's cache.
type queue struct {
	limit, batch int
	every        time.Duration
	// send sends a batch of n items, which is not its own afterwards, and returns
	// how many of them the receiver refused. With an error all of it is lost.
	send func(ctx context.Context, items message, n int) (refused int, err error)
	// lost is told of losses, from any goroutine.
	lost func(n int, err error)
	wake chan struct{}

	mu sync.Mutex
	// batches wait, n items in all; only the last may have room. spare is the
	// memory of one that was sent, for the next.
	batches []batch
	n       int
	spare   message
	total   Counts
}

// batch is n items, one after the other.
type batch struct {
	items message
	n     int
}

// put appends an item by a function that appends it.
func (q *queue) put(item func(message) message) {
	q.mu.Lock()
	if q.n >= q.limit {
		q.total.Dropped++
		q.mu.Unlock()
		q.lost(1, errFull)
		return
	}
	last := q.last()
	last.items = item(last.items)
	last.n++
	q.n++
	full := q.n >= q.batch
	q.mu.Unlock()
	if full {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// last is the last batch, or a new one. The lock is held.
func (q *queue) last() *batch {
	n := len(q.batches)
	if n == 0 || q.batches[n-1].n == q.batch {
		q.batches, q.spare = append(q.batches, batch{items: q.spare}), nil
		n++
	}
	return &q.batches[n-1]
}

// run sends until stop is closed, then what is left, or until ctx ends.
func (q *queue) run(ctx context.Context, stop <-chan struct{}) {
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

func (q *queue) flush(ctx context.Context) {
	for b := q.take(); b.n > 0; b = q.take() {
		refused, err := q.send(ctx, b.items, b.n)
		if err != nil {
			refused = b.n
		}
		q.sent(b, refused)
		if refused > 0 {
			if err == nil {
				err = errors.New("the receiver refused a part of them")
			}
			q.lost(refused, err)
		}
	}
}

// take gives the first batch, which is nobody else's until it is sent.
func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return batch{}
	}
	b := q.batches[0]
	q.batches = slices.Delete(q.batches, 0, 1)
	q.n -= b.n
	return b
}

// sent counts a batch and keeps its memory.
func (q *queue) sent(b batch, refused int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total.Delivered += b.n - refused
	q.total.Dropped += refused
	q.spare = b.items[:0]
}

func (q *queue) counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.total
	c.Dropped += q.n
	return c
}
