// SPDX-License-Identifier: Apache-2.0

package pipeline

import "sync"

// Events are callbacks of a run; nil ones are left out. They come one at a
// time, from any goroutine, and none comes after Run has returned. A slow one
// slows the run.
type Events struct {
	NodeStarted func(name string)
	Progress    func(name string, p Progress)
	NodeEnded   func(*NodeResult)
}

// Progress of a call.
type Progress struct {
	// Call is "fit" or "transform".
	Call string
	// Fraction is 0 to 1, or -1 when it cannot be told.
	Fraction float64
	// Message of the kernel; empty for a transform.
	Message string
}

// notifier makes the callbacks of Events come one at a time.
type notifier struct {
	mu sync.Mutex
	to Events
}

func (n *notifier) started(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.to.NodeStarted != nil {
		n.to.NodeStarted(name)
	}
}

func (n *notifier) progress(name string, p Progress) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.to.Progress != nil {
		n.to.Progress(name, p)
	}
}

func (n *notifier) ended(r *NodeResult) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.to.NodeEnded != nil {
		n.to.NodeEnded(r)
	}
}
