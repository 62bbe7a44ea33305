// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

const (
	settleTime = 300 * time.Millisecond // for the last of the log after a death
	killTime   = 5 * time.Second        // for SIGKILL to take effect
)

// Process is one running plugin. Its methods may be called from any goroutine.
type Process struct {
	spec    Spec
	options Options
	digest  string
	client  *goplugin.Client
	runner  *sandboxRunner
	conn    *grpc.ClientConn
	done    chan struct{}
	detach  func() bool // stops listening to the context of Launch
	closing sync.Once
	leaving atomic.Bool // Close was called
	serving atomic.Bool // Launch has succeeded, so that watch will find the cause of death
	closed  error

	mu     sync.Mutex
	cause  Cause // why we killed it; "" while we did not
	detail string
	death  *Death
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

// Sandbox says which walls stand around the plugin.
func (p *Process) Sandbox() sandbox.Report { return p.runner.process.Report() }

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
	p.mu.Lock()
	p.death = death
	p.mu.Unlock()
	p.detach()
	close(p.done)
	p.tidy()
}

// diagnose finds the cause of death of a process that is gone.
func (p *Process) diagnose() *Death {
	state := p.runner.process.State()
	d := &Death{
		Plugin: p.spec.Name, Cause: Exited, ExitCode: state.ExitCode(), Signal: signalOf(state),
		Panic: p.runner.logs.panicText(), Stderr: p.runner.logs.lastLines(), At: time.Now(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	const goCrash = 2 // the exit status of the Go runtime after a panic
	switch {
	case p.cause != "" && (d.Signal == "killed" || d.Signal == "" && d.ExitCode == 1):
		d.Cause, d.Detail = p.cause, p.detail
	case d.Panic != "" && (d.ExitCode == goCrash || d.Signal != ""):
		d.Cause = Crashed
	case d.Signal != "":
		d.Cause = Signalled
	}
	return d
}

// tidy ends what go-plugin still runs for a plugin that is gone, and removes its
// directory. Nobody waits for it.
func (p *Process) tidy() {
	defer func() { _ = recover() }() // go-plugin's panics are not the host's
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.client.Kill()
	if p.runner.dir != "" {
		_ = os.RemoveAll(p.runner.dir)
	}
}
