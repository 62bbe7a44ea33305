// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"time"
)

const (
	// linger is how long records wait for company before they are written: those
	// of several plugins that start together share a sync. A log that launches
	// wait for does not linger.
	linger = 3 * time.Millisecond
	// idle is how long a log has nothing to write before it brings the head up
	// to date.
	idle = 100 * time.Millisecond
)

// run writes batches until the log is closed and empty. The head follows when
// there is nothing to write for a while, and at the end.
func (l *Log) run() {
	defer close(l.done)
	for l.await() {
		l.flush(false)
	}
	l.flush(true)
	if err := errors.Join(l.chain.headUp(lockTime), l.chain.close()); err != nil {
		l.note(err)
	}
}

// await returns when there is something to write: false when the log is closed.
func (l *Log) await() bool {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		select {
		case _, open := <-l.wake:
			return open && l.gather()
		case <-timer.C:
			if err := l.chain.headUp(0); err != nil {
				l.note(err)
			}
			if l.chain.unfinished() {
				timer.Reset(idle)
			}
		}
	}
}

// gather lets records that follow at once come along.
func (l *Log) gather() bool {
	if !l.Required {
		select {
		case <-l.closing:
		case <-time.After(linger):
		}
	}
	return true
}

// flush writes what waits. At the last time it also tells of lost records when
// nothing else waits.
func (l *Log) flush(last bool) {
	for l.waits(last) {
		b := l.write(last)
		last = last && len(b.entries) > b.own
	}
}

// waits reports whether there is something to write.
func (l *Log) waits(last bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0 || last && l.lost.Count > 0
}

// batch is what one sync brings to disk.
type batch struct {
	entries []*entry
	own     int  // the first entries, which the log added
	lost    Lost // what the first entry tells of
}

// take removes a batch from the queue. A rotation is the first of its batch.
func (l *Log) take(last bool) batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b batch
	size, n := 0, 0
	for ; n < len(l.queue) && (n == 0 || l.queue[n].kind != KindRotation); n++ {
		if size += len(l.queue[n].data) + overhead; size > maxBatch {
			break
		}
	}
	if e := l.lostEntry(); e != nil && (n > 0 || last) {
		b = batch{entries: []*entry{e}, own: 1, lost: l.lost}
		l.lost = Lost{}
	}
	b.entries = append(b.entries, l.queue[:n]...)
	l.queue = l.queue[n:]
	for _, e := range b.entries[b.own:] {
		l.queued -= len(e.data) + overhead
	}
	return b
}

// write commits a batch and keeps the promises of its receipts. The batch is what
// waits when the lock is had, or when it cannot be had.
func (l *Log) write(last bool) (b batch) {
	take := func() []*entry {
		b = l.take(last)
		return b.entries
	}
	durable := false
	err := l.chain.commit(take, func() {
		durable = true
		l.kept(b)
	})
	if err != nil {
		l.note(err)
	}
	if len(b.entries) == 0 {
		take()
	}
	if !durable {
		l.broken(b, err)
	}
	return b
}

func (l *Log) kept(b batch) {
	l.mu.Lock()
	l.anchor = Anchor{l.chain.tail.seq, l.chain.tail.hash}
	l.mu.Unlock()
	for _, e := range b.entries[b.own:] {
		e.receipt.finish(nil)
	}
}

// broken counts the records of a batch as lost.
func (l *Log) broken(b batch, err error) {
	l.mu.Lock()
	l.lose(b.lost.Count+len(b.entries)-b.own, err)
	l.mu.Unlock()
	for _, e := range b.entries[b.own:] {
		e.receipt.anchor = Anchor{}
		e.receipt.finish(err)
	}
}

// note keeps the first failure.
func (l *Log) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil {
		l.failure = err
	}
}
