// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"os/user"
	"strconv"
	"sync"
)

const (
	// maxBatch bounds the text of a batch, and so what one sync waits for.
	maxBatch = 1 << 20
	// maxQueue bounds the memory of a log whose disk does not answer, in bytes.
	maxQueue = 16 << 20
	// overhead of a queued record and of its line beside the data, in bytes.
	overhead = 1 << 10
)

// Log is an open audit log. A nil Log is valid and records nothing. It is safe
// for several goroutines, and several hosts may have the same log open.
type Log struct {
	// Required makes Receipt.Admit fail when a record cannot be written. Set it
	// before the first Append.
	Required bool

	chain   *chain
	wake    chan struct{} // holds one element while there is work
	done    chan struct{}
	closing chan struct{} // closed by Close

	mu      sync.Mutex
	queue   []*entry
	queued  int // bytes
	lost    Lost
	closed  bool
	failure error
	anchor  Anchor
}

// Open opens the log in a directory and makes it if there is none. It finds the
// end of the log, repairs what a crash left, and does not read the rest: that
// is for Verify. While another host writes it does not wait: the first record
// finds the end. The error is an *Error.
func Open(dir string, host Host) (*Log, error) { return start(newChain(dir, host.filled())) }

func start(c *chain) (*Log, error) {
	if err := c.meet(); err != nil {
		return nil, err
	}
	l := &Log{chain: c, wake: make(chan struct{}, 1), done: make(chan struct{}), closing: make(chan struct{}), anchor: Anchor{c.tail.seq, c.tail.hash}}
	go l.run()
	return l, nil
}

// filled asks the system for what the caller left out.
func (h Host) filled() Host {
	if h.PID == 0 {
		h.PID = os.Getpid()
	}
	if h.Run == "" {
		var id [8]byte
		_, _ = rand.Read(id[:]) // never fails
		h.Run = hex.EncodeToString(id[:])
	}
	if h.User == "" {
		h.User = "uid " + strconv.Itoa(os.Getuid())
		if u, err := user.Current(); err == nil {
			h.User = u.Username
		}
	}
	return h
}

// Append adds a record about a plugin ("" for none). It takes the event as it
// is now and never waits for the disk: records that wait together share one
// sync.
func (l *Log) Append(plugin string, e Event) *Receipt {
	if l == nil {
		return nil
	}
	r := &Receipt{done: make(chan struct{}), required: l.Required}
	data, err := encode(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		r.finish(ErrClosed)
		return r
	case err == nil && l.queued+len(data) > maxQueue:
		err = ErrBusy
	}
	if err != nil {
		l.lose(1, err)
		r.finish(err)
		return r
	}
	at := l.chain.now()
	l.push(&entry{at: at, plugin: cutString(plugin, maxName), kind: Kind(cutString(string(e.Kind()), maxName)), data: data, receipt: r})
	return r
}

// push queues an entry and wakes the writer. The lock is held.
func (l *Log) push(e *entry) {
	l.queue = append(l.queue, e)
	l.queued += len(e.data) + overhead
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// lose counts records that could not be written. The lock is held.
func (l *Log) lose(n int, err error) {
	l.lost.Count += n
	l.lost.Reason = err.Error()
	if l.failure == nil {
		l.failure = err
	}
}

// Rotate begins a new file, with a record that says why, and waits until it is
// on disk.
func (l *Log) Rotate(ctx context.Context, reason string) error {
	return l.Append("", Rotation{Reason: reason}).Wait(ctx)
}

// Err is the first failure to write, nil while there was none.
func (l *Log) Err() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// Anchor is the last record that this log knows to be on disk.
func (l *Log) Anchor() Anchor {
	if l == nil {
		return Anchor{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.anchor
}

// Close writes all that waits, as long as the disk takes, and gives the files
// back. It returns the first failure since Open. Closing again does nothing
// more.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
		close(l.wake)
	}
	l.mu.Unlock()
	<-l.done
	return l.Err()
}

// Receipt is the promise of a record. A nil Receipt is valid and kept.
type Receipt struct {
	done     chan struct{}
	err      error
	anchor   Anchor
	required bool
}

func (r *Receipt) finish(err error) {
	r.err = err
	close(r.done)
}

// Wait returns when the record is on disk, with nil; when it cannot be written,
// with the reason; or when ctx ends, with its error.
func (r *Receipt) Wait(ctx context.Context) error {
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Admit is what a launch asks before the plugin gets work: nil at once, unless
// the log is required; then it is Wait.
func (r *Receipt) Admit(ctx context.Context) error {
	if r == nil || !r.required {
		return nil
	}
	return r.Wait(ctx)
}

// Anchor of the record; zero before Wait returned nil.
func (r *Receipt) Anchor() Anchor {
	if r == nil {
		return Anchor{}
	}
	select {
	case <-r.done:
		return r.anchor
	default:
		return Anchor{}
	}
}

// lostEntry is the record of what was lost; nil when nothing was.
func (l *Log) lostEntry() *entry {
	if l.lost.Count == 0 {
		return nil
	}
	data, err := encode(l.lost)
	if err != nil {
		return nil
	}
	return &entry{at: l.chain.now(), kind: KindLost, data: data}
}
