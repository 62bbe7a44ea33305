// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"sync"
	"time"
)

// Attach looks after a program that somebody else started, at level none: it has no
// walls, and Kill lets go of it and does not end it. Its Done is closed when it has
// ended or was let go of, with an exit status of -1, which only its parent knows. It
// fails when there is no such process, and on Windows.
func Attach(pid int) (*Process, error) {
	seen, err := watchForeign(pid)
	if err != nil {
		return nil, fmt.Errorf("sandbox: process %d cannot be attached to: %w", pid, err)
	}
	p := &Process{
		started: &adopted{foreign: seen, left: make(chan struct{})}, pid: pid, release: func() {}, done: make(chan struct{}),
		report: Report{Level: None, Walls: []Wall{}},
	}
	p.begin()
	return p, nil
}

// foreign is a process of somebody else.
type foreign interface {
	ended() bool
	close()
}

// adopted is a foreign process as Process wants it.
type adopted struct {
	foreign
	left    chan struct{}
	leaving sync.Once
}

// lookEvery is how often an attached process is looked at.
const lookEvery = 50 * time.Millisecond

func (a *adopted) kill() { a.leaving.Do(func() { close(a.left) }) }

func (a *adopted) await() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !a.ended() {
		select {
		case <-a.left:
			return
		case <-tick.C:
		}
	}
}

func (a *adopted) reap() *Exit {
	a.close()
	return &Exit{Code: -1}
}
