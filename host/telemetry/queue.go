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

	mu sync.Mutex
	// batches wait, n items in all; only the last may have room. spare is one
	// that was sent, for the next.
	batches [][]T
	n       int
	spare   []T
	total   Counts
}

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	if q.n >= q.limit {
		q.total.Dropped++
		q.mu.Unlock()
		q.lost(1, errFull)
		return
	}
	q.add(item)
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

// add appends to the last batch, or begins one. The lock is held.
func (q *queue[T]) add(item T) {
	last := len(q.batches) - 1
	if last < 0 || len(q.batches[last]) == q.batch {
		if q.spare == nil {
			q.spare = make([]T, 0, q.batch)
		}
		q.batches, q.spare, last = append(q.batches, q.spare), nil, last+1
	}
	q.batches[last] = append(q.batches[last], item)
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
		q.sent(batch, refused)
		if refused > 0 {
			if err == nil {
				err = errors.New("the receiver refused a part of them")
			}
			q.lost(refused, err)
		}
	}
}

// take gives the first batch, which is nobody else's until it is sent.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return nil
	}
	batch := q.batches[0]
	q.batches = slices.Delete(q.batches, 0, 1)
	q.n -= len(batch)
	return batch
}

// sent counts a batch and keeps its room.
func (q *queue[T]) sent(batch []T, refused int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total.Delivered += len(batch) - refused
	q.total.Dropped += refused
	clear(batch)
	q.spare = batch[:0]
}

func (q *queue[T]) counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.total
	c.Dropped += q.n
	return c
}
