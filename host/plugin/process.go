// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

const (
	settleTime = 300 * time.Millisecond // for the last of the log after a death
	killTime   = 5 * time.Second        // for SIGKILL to take effect

	serviceTime = 5 * time.Second // from the handshake to the first words of gRPC
)

// Process is one running plugin. Its methods may be called from any goroutine.
type Process struct {
	attendant Attendant // looks after the process
	spec      Spec
	options   Options
	digest    string
	client    *goplugin.Client
	runner    *sandboxRunner
	conn      *grpc.ClientConn
	built     chan struct{}        // closed when the next two are there
	grpc      *goplugin.GRPCClient // nil after a failure
	buildErr  error
	done      chan struct{}
	detach    func() bool // stops listening to the context of Launch
	expiry    *time.Timer // ends LifeTime; nil without one
	calls     callWatch
	closing   sync.Once
	leaving   atomic.Bool // Close was called
	answered  atomic.Bool // the plugin speaks gRPC
	serving   atomic.Bool // Launch has succeeded, so that watch will find the cause of death
	closed    error

	mu     sync.Mutex
	cause  Cause // why we killed it; "" while we did not
	detail string
	death  *Death
	told   map[string]bool // the denials that were logged
	probed map[string]int  // how many denials there were when it came up
}

// Conn is the connection to the plugin. Calls on it are bounded by the deadline
// and sizes of the package; it fails with Unavailable when the plugin is gone.
func (p *Process) Conn() *grpc.ClientConn { return p.conn }

// Name is the name in the specification.
func (p *Process) Name() string { return p.spec.Name }

// PID is the process id in the host's pid namespace.
func (p *Process) PID() int { return p.runner.process.PID() }

// Digest is "sha256:" and the hex digest of the file that runs.
func (p *Process) Digest() string { return p.digest }

// Protocol is the protocol major agreed upon.
func (p *Process) Protocol() int {
	p.runner.mu.Lock()
	defer p.runner.mu.Unlock()
	return p.runner.major
}

// Limits are the limits of the specification; a zero field is its default.
func (p *Process) Limits() sandbox.Limits { return p.spec.Limits }

// Sandbox says which walls stand around the plugin.
func (p *Process) Sandbox() sandbox.Report {
	report := p.runner.process.Report()
	report.Fallen = slices.Concat(p.runner.fallen, report.Fallen)
	return report
}

// Done is closed when the plugin is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the plugin ended; nil while it lives.
func (p *Process) Exit() *Death {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.death
}

// Close lets the plugin finish through Options.Drain and kills it. It returns
// within the drain timeout, or when ctx ends, plus a few seconds, whatever the
// plugin does. The error is the drain's, or says that the plugin survived
// SIGKILL. Further calls return the same.
func (p *Process) Close(ctx context.Context) error {
	p.leaving.Store(true)
	p.closing.Do(func() {
		drained := p.drain(ctx)
		p.kill(Closed, "")
		p.closed = drained
		if !within(p.done, killTime) {
			p.closed = errors.Join(drained, fmt.Errorf("plugin %q (process %d) is still there %v after SIGKILL", p.spec.Name, p.PID(), killTime))
		}
		if p.spec.Reattach != nil {
			_ = p.conn.Close() // the process lives on, and would still answer
		}
	})
	return p.closed
}

// drain gives the plugin its time to finish, if it lives.
func (p *Process) drain(ctx context.Context) error {
	if p.options.Drain == nil || p.Exit() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.options.DrainTimeout)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- p.options.Drain(ctx, p.conn) }()
	select {
	case err := <-result:
		return p.CallError(err)
	case <-p.done:
		return p.Exit()
	case <-ctx.Done():
		return fmt.Errorf("plugin %q did not finish its work within %v and was killed", p.spec.Name, p.options.DrainTimeout)
	}
}

// Kill ends the plugin at once for the user's reason, such as "interrupted". It
// does not wait; see Done.
func (p *Process) Kill(reason string) { p.kill(KilledByUser, reason) }

// Interrupt is the cause with which a context of Launch or Supervise is cancelled
// when the user said so.
type Interrupt struct {
	Reason string // "interrupted", without a full stop
}

// Error returns the reason.
func (i *Interrupt) Error() string { return i.Reason }

// cancelled ends the plugin because the context of Launch ended.
func (p *Process) cancelled(cause error) {
	var user *Interrupt
	switch {
	case errors.As(cause, &user):
		p.kill(KilledByUser, user.Reason)
	case cause == nil || errors.Is(cause, context.Canceled) || errors.Is(cause, errClosed):
		p.kill(Cancelled, "")
	default:
		p.kill(Cancelled, cause.Error())
	}
}

// limitLife ends the plugin when it has lived as long as it may.
func (p *Process) limitLife() {
	if limit := p.spec.LifeTime; limit > 0 {
		p.expiry = time.AfterFunc(limit, func() {
			p.kill(LifeTime, fmt.Sprintf("it ran for %v, which is as long as it may", limit))
		})
	}
}

// kill ends the plugin for a reason; the first reason counts.
func (p *Process) kill(cause Cause, detail string) {
	p.mu.Lock()
	if p.cause == "" && p.death == nil {
		p.cause, p.detail = cause, detail
	}
	p.mu.Unlock()
	if process := p.runner.current(); process != nil {
		process.Kill()
	}
}

// dying reports whether we killed the plugin.
func (p *Process) dying() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause != ""
}

// ending reports whether the plugin is gone or on its way out, though nobody may
// know the cause yet.
func (p *Process) ending() bool {
	if p.leaving.Load() || p.dying() {
		return true
	}
	select {
	case <-p.runner.process.Done():
		return true
	default:
		return false
	}
}

// watch waits for the end, finds its cause and clears up.
func (p *Process) watch() {
	<-p.runner.process.Done()
	p.runner.settle(settleTime)
	death := p.diagnose()
	level := hclog.Warn
	if death.Cause == Closed { // a plugin that did its work may have probed for more
		level = hclog.Debug
	}
	p.tellDenials(level, death.Denials)
	p.mu.Lock()
	p.death = death
	p.mu.Unlock()
	p.detach()
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.calls.stop()
	p.attendant.Ended(p)
	close(p.done)
	p.tidy()
}

// diagnose finds the cause of death of a process that is gone.
func (p *Process) diagnose() *Death {
	exit := p.runner.process.Exit()
	logs := p.runner.logs
	e := evidence{
		exit: *exit, leaving: p.leaving.Load(), crash: logs.lastCrash(), last: logs.lastLines(),
		limits: p.spec.Limits, strict: p.spec.Strict, denials: p.Denials(), python: p.spec.Interpreter,
	}
	p.mu.Lock()
	e.ours, e.detail = p.cause, p.detail
	p.mu.Unlock()
	v := p.parted(classify(e))
	return &Death{
		Plugin: p.spec.Name, Cause: v.cause, Detail: v.detail, Limit: v.limit, Hint: v.hint,
		ExitCode: exit.Code, Signal: signalName(exit.Signal), Headline: e.crash.headline, Panic: e.crash.text,
		Stderr: e.last, At: time.Now(), PeakBytes: exit.PeakBytes, CPU: exit.CPU, Denials: e.denials,
	}
}

// tidy ends what go-plugin still runs for a plugin that is gone, and removes its
// directory. Nobody waits for it.
func (p *Process) tidy() {
	defer func() { _ = recover() }() // go-plugin's panics are not the host's
	<-p.built
	if p.grpc != nil {
		_ = p.grpc.Conn.Close()
	}
	p.client.Kill()
	if p.runner.dir != "" {
		_ = os.RemoveAll(p.runner.dir)
	}
}
