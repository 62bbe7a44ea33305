// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"sync"
	"time"
)

// Events are callbacks of a run; nil ones are left out. They come one at a
// time, from any goroutine, and none comes after Run has returned. A slow one
// slows the run.
type Events struct {
	// RunStarted comes first, RunEnded last.
	RunStarted  func(*Plan)
	NodeStarted func(name string)
	// CallStarted and CallEnded come around each call of a kernel, with the
	// number of the attempt, from 1.
	CallStarted func(name, call string, attempt int)
	CallEnded   func(name string, c CallTime)
	Progress    func(name string, p Progress)
	// NodeEnded comes once for each node, also for one that never started. A sink
	// has ended when its file is in place, at the end of the run.
	NodeEnded func(*NodeResult)
	RunEnded  func(*Result)
}

// Progress of a call.
type Progress struct {
	// Call is "fit", "transform" or, of a sink, "write", and Attempt the one that
	// it belongs to, from 1.
	Call    string
	Attempt int
	// Fraction is 0 to 1, or -1 when it cannot be told.
	Fraction float64
	// Message of the kernel; empty for a transform.
	Message string
	// Rows and Bytes that the call has taken so far, and the mean rate.
	Rows, Bytes   int64
	RowsPerSecond float64
	// ETA is the time that is left at this rate; -1 when it cannot be told.
	ETA time.Duration
}

// notifier makes the callbacks of Events come one at a time.
type notifier struct {
	mu sync.Mutex
	to Events
}

// tell calls f with the lock held.
func (n *notifier) tell(f func(Events)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n.to)
}

func (n *notifier) runStarted(p *Plan) {
	n.tell(func(e Events) {
		if e.RunStarted != nil {
			e.RunStarted(p)
		}
	})
}

func (n *notifier) started(name string) {
	n.tell(func(e Events) {
		if e.NodeStarted != nil {
			e.NodeStarted(name)
		}
	})
}

func (n *notifier) callStarted(name, call string, attempt int) {
	n.tell(func(e Events) {
		if e.CallStarted != nil {
			e.CallStarted(name, call, attempt)
		}
	})
}

func (n *notifier) callEnded(name string, c CallTime) {
	n.tell(func(e Events) {
		if e.CallEnded != nil {
			e.CallEnded(name, c)
		}
	})
}

func (n *notifier) progress(name string, p Progress) {
	n.tell(func(e Events) {
		if e.Progress != nil {
			e.Progress(name, p)
		}
	})
}

func (n *notifier) ended(r *NodeResult) {
	n.tell(func(e Events) {
		if e.NodeEnded != nil {
			e.NodeEnded(r)
		}
	})
}

func (n *notifier) runEnded(r *Result) {
	n.tell(func(e Events) {
		if e.RunEnded != nil {
			e.RunEnded(r)
		}
	})
}
