// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Backoff says how a Supervisor starts a plugin again. A zero field means the
// value named beside it.
type Backoff struct {
	First time.Duration // pause before the first restart, 100 ms; it doubles each time
	Most  time.Duration // longest pause, 10 s
	Calm  time.Duration // a life this long makes the earlier deaths forgotten, 1 min
	Tries int           // deaths in a row after which the plugin is given up, 5
}

func (b Backoff) withDefaults() Backoff {
	if b.First <= 0 {
		b.First = 100 * time.Millisecond
	}
	if b.Most <= 0 {
		b.Most = 10 * time.Second
	}
	if b.Calm <= 0 {
		b.Calm = time.Minute
	}
	if b.Tries <= 0 {
		b.Tries = 5
	}
	return b
}

// pause is how long to wait after that many deaths in a row.
func (b Backoff) pause(deaths int) time.Duration {
	pause := b.First
	for range deaths - 1 {
		if pause *= 2; pause >= b.Most {
			return b.Most
		}
	}
	return min(pause, b.Most)
}

// CrashLoopError means that a plugin died too often to be started once more.
type CrashLoopError struct {
	Plugin string
	Deaths int
	Last   error // a *Death or a *StartError
}

// Error gives the last cause, which is likely the cause of all.
func (e *CrashLoopError) Error() string {
	return fmt.Sprintf("plugin %q is not started again: it failed %d times in a row, the last time because %v", e.Plugin, e.Deaths, e.Last)
}

// Unwrap returns the last failure.
func (e *CrashLoopError) Unwrap() error { return e.Last }

// errClosed is what a closed supervisor answers.
var errClosed = errors.New("the supervisor is closed")

// Supervisor keeps one plugin available. It starts the plugin when it is first
// asked for, and again when it is asked for after a death, with pauses that grow.
// What a plugin kept in memory is lost in a restart: its users must set it up anew
// whenever Process returns another one.
type Supervisor struct {
	ctx     context.Context // ends the plugin, whoever asked for it
	cancel  context.CancelFunc
	spec    Spec
	options Options
	backoff Backoff

	mu      chan struct{} // a lock that can be waited for with a context
	closed  sync.Once
	process *Process
	born    time.Time
	deaths  int
	last    error
	diedAt  time.Time
}

// Supervise returns a supervisor that has started nothing yet. Cancelling ctx
// kills the plugin, as does Close.
func Supervise(ctx context.Context, spec Spec, options Options, backoff Backoff) *Supervisor {
	ctx, cancel := context.WithCancel(ctx)
	return &Supervisor{ctx: ctx, cancel: cancel, spec: spec, options: options, backoff: backoff.withDefaults(), mu: make(chan struct{}, 1)}
}

// Process returns the running plugin, and starts it if need be. ctx bounds the
// wait for others and for the pause; a start takes no longer than StartTimeout. After too many deaths in a row it returns a
// [CrashLoopError] for good.
func (s *Supervisor) Process(ctx context.Context) (*Process, error) {
	select {
	case s.mu <- struct{}{}:
		defer func() { <-s.mu }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.ctx.Err() != nil {
		return nil, errClosed
	}
	if s.running() {
		return s.process, nil
	}
	if s.deaths >= s.backoff.Tries {
		return nil, &CrashLoopError{s.spec.Name, s.deaths, s.last}
	}
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.start()
}

// running reports whether the plugin lives, and counts its death if it does not.
func (s *Supervisor) running() bool {
	if s.process == nil {
		return false
	}
	death := s.process.Exit()
	if death == nil {
		return true
	}
	if death.At.Sub(s.born) >= s.backoff.Calm {
		s.deaths = 0
	}
	s.process = nil
	s.failed(death, death.At)
	return false
}

func (s *Supervisor) failed(err error, at time.Time) {
	s.deaths++
	s.last, s.diedAt = err, at
}

// wait lets the pause after the last death pass.
func (s *Supervisor) wait(ctx context.Context) error {
	if s.deaths == 0 {
		return nil
	}
	timer := time.NewTimer(time.Until(s.diedAt.Add(s.backoff.pause(s.deaths))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.ctx.Done():
		return errClosed
	}
}

func (s *Supervisor) start() (*Process, error) {
	process, err := Launch(s.ctx, s.spec, s.options)
	if err != nil {
		s.failed(err, time.Now())
		return nil, err
	}
	s.process, s.born = process, time.Now()
	return process, nil
}

// Close ends the plugin as Process.Close does, and starts no other.
func (s *Supervisor) Close(ctx context.Context) (err error) {
	s.closed.Do(func() {
		select {
		case s.mu <- struct{}{}:
			defer func() { <-s.mu }()
			if s.process != nil {
				err = s.process.Close(ctx)
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		s.cancel()
	})
	return err
}
