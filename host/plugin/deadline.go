// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A call's deadline is two things. The plugin is told of it, so that it can give
// up in time. And the host holds it to it, with one timer for all calls of a
// plugin: a timer for each, as context.WithTimeout makes, costs a call over a
// local socket a twentieth of its time.

// deadlineContext carries a deadline that somebody else enforces.
type deadlineContext struct {
	context.Context
	at time.Time
}

// Deadline returns the deadline, which gRPC sends along with the call.
func (c deadlineContext) Deadline() (time.Time, bool) { return c.at, true }

// callWatch knows the calls that are under way. All have the same time to live,
// so the first that began is the first that is over its deadline.
type callWatch struct {
	late func(method string) // called once for a call over its deadline

	mu          sync.Mutex
	first, last *watchedCall
	timer       *time.Timer // nil while no call is under way
}

// watchedCall is one call, in a list ordered by deadline.
type watchedCall struct {
	method         string
	at             time.Time
	earlier, later *watchedCall
}

// begin registers a call. It must be given to end.
func (w *callWatch) begin(method string, timeout time.Duration) *watchedCall {
	c := &watchedCall{method: method, at: time.Now().Add(timeout)}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.earlier = w.last
	if w.last != nil {
		w.last.later = c
	} else {
		w.first = c
	}
	w.last = c
	if w.timer == nil {
		w.timer = time.AfterFunc(timeout, w.look)
	}
	return c
}

// end forgets a call.
func (w *callWatch) end(c *watchedCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.earlier != nil {
		c.earlier.later = c.later
	} else {
		w.first = c.later
	}
	if c.later != nil {
		c.later.earlier = c.earlier
	} else {
		w.last = c.earlier
	}
}

// look is what the timer does: it finds a late call, or waits for the next one
// that may become late. It stays armed through calls that end in time, so that
// these need not touch it.
func (w *callWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.first == nil:
		w.timer = nil
	case time.Now().Before(w.first.at):
		w.timer.Reset(time.Until(w.first.at))
	default:
		method := w.first.method
		w.timer = nil
		go w.late(method)
	}
}

// stop disarms the timer.
func (w *callWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}

// overdue ends the plugin because of a call.
func (p *Process) overdue(method string) {
	p.kill(Deadline, fmt.Sprintf("the call %s took longer than %v", sanitize(method), p.spec.CallTimeout))
}
