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
var errClosed = errors.New("the host is closing its plugins and starts no other")

// Supervisor keeps one plugin available. It starts the plugin when it is first
// asked for, and again when it is asked for after a death, with pauses that grow.
// What a plugin kept in memory is lost in a restart: its users must set it up anew
// whenever Process returns another one. It is safe for concurrent use.
type Supervisor struct {
	ctx      context.Context // ends the plugin, whoever asked for it
	cancel   context.CancelFunc
	stopping context.Context // ends pauses and starts, and no plugin that has started
	stop     context.CancelFunc
	spec     Spec
	options  Options
	backoff  Backoff

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
	stopping, stop := context.WithCancel(ctx)
	return &Supervisor{
		ctx: ctx, cancel: cancel, stopping: stopping, stop: stop,
		spec: spec, options: options, backoff: backoff.withDefaults(), mu: make(chan struct{}, 1),
	}
}

// Process returns the running plugin, and starts it if need be. A plugin that is
// on its way out does not count as running. ctx bounds the wait and nothing else:
// a start goes on for those who ask next, for no longer than Spec.StartTimeout.
// After too many deaths in a row it returns a [CrashLoopError] for good.
func (s *Supervisor) Process(ctx context.Context) (*Process, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	if s.stopping.Err() != nil {
		s.unlock()
		return nil, s.ended()
	}
	if err := s.bury(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	if p := s.process; p != nil {
		s.unlock()
		return p, nil
	}
	if err := s.admit(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	result := make(chan started, 1)
	go func() {
		defer s.unlock()
		result <- s.start()
	}()
	select {
	case r := <-result:
		return r.process, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

type started struct {
	process *Process
	err     error
}

func (s *Supervisor) lock(ctx context.Context) error {
	select {
	case s.mu <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Supervisor) unlock() { <-s.mu }

// ended is why nothing is started any more.
func (s *Supervisor) ended() error {
	if s.ctx.Err() != nil && !errors.Is(context.Cause(s.ctx), context.Canceled) {
		return context.Cause(s.ctx)
	}
	return errClosed
}

// bury waits for the end of a plugin that is dying and counts its death. It is
// an error of the caller's context when that takes too long.
func (s *Supervisor) bury(ctx context.Context) error {
	p := s.process
	if p == nil || !p.ending() {
		return nil
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.process = nil
	if death := p.Exit(); !death.Cause.wanted() { // our own will is no failure
		s.failed(death, death.At, p)
	}
	return nil
}

// failed counts a failure, after a long life as the first one.
func (s *Supervisor) failed(err error, at time.Time, of *Process) {
	if of != nil && at.Sub(s.born) >= s.backoff.Calm {
		s.deaths = 0
	}
	s.deaths++
	s.last, s.diedAt = err, at
}

// admit says no to a crash loop and lets the pause after the last death pass.
func (s *Supervisor) admit(ctx context.Context) error {
	switch {
	case s.deaths == 0:
		return nil
	case s.deaths >= s.backoff.Tries:
		return &CrashLoopError{s.spec.Name, s.deaths, s.last}
	}
	timer := time.NewTimer(time.Until(s.diedAt.Add(s.backoff.pause(s.deaths))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.stopping.Done():
		return s.ended()
	}
}

// start launches the plugin. Close ends a start that is under way.
func (s *Supervisor) start() started {
	life, kill := context.WithCancelCause(s.ctx)
	aborted := context.AfterFunc(s.stopping, func() { kill(errClosed) })
	process, err := Launch(life, s.spec, s.options)
	if !aborted() { // closed in the meantime
		if err == nil {
			err = errClosed
			within(process.Done(), killTime)
		}
		return started{nil, err}
	}
	if err != nil {
		kill(nil)
		s.failed(err, time.Now(), nil)
		return started{nil, err}
	}
	s.process, s.born = process, time.Now()
	return started{process, nil}
}

// Reject ends a plugin that started and turned out to be of no use. That counts
// as a failure, with the reason given.
func (s *Supervisor) Reject(p *Process, reason error) {
	ctx, cancel := context.WithTimeout(s.ctx, killTime)
	defer cancel()
	if s.lock(ctx) != nil {
		return // closed, and the plugin with it
	}
	defer s.unlock()
	if s.process != p {
		return
	}
	p.kill(Refused, reason.Error())
	within(p.Done(), killTime)
	s.process = nil
	s.failed(reason, time.Now(), p)
}

// Close ends the plugin as Process.Close does, also one that is being started,
// and starts no other.
func (s *Supervisor) Close(ctx context.Context) (err error) {
	s.closed.Do(func() {
		defer s.cancel()
		s.stop()
		if err = s.lock(ctx); err != nil {
			return
		}
		defer s.unlock()
		if s.process != nil {
			err = s.process.Close(ctx)
		}
	})
	return err
}
