// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
)

// errStartTimeout is the cause of a context that StartTimeout ended.
var errStartTimeout = errors.New("start timeout")

// Launch starts a plugin and returns when the host is connected to it. The plugin
// lives until Close or Kill, until it ends by itself, or until ctx ends. Every
// error after the specification was accepted is a *[StartError], and leaves
// nothing running.
func Launch(ctx context.Context, spec Spec, options Options) (*Process, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	options.check()
	file, digest, err := openProgram(&spec, options.DigestCache)
	if err != nil {
		return nil, &StartError{Plugin: spec.Name, Err: err}
	}
	defer file.Close()
	run, err := runDir(options.RunDir)
	if err != nil {
		return nil, &StartError{Plugin: spec.Name, Err: err}
	}
	attendant, err := prepare(&spec, &options)
	if err != nil {
		return nil, &StartError{Plugin: spec.Name, Err: err}
	}
	p := newProcess(spec, options, digest, file)
	p.attendant = attendant
	p.client = goplugin.NewClient(p.clientConfig(run))
	return p.begin(ctx)
}

func newProcess(spec Spec, options Options, digest string, file program) *Process {
	p := &Process{attendant: unattended{}, spec: spec, options: options, digest: digest, done: make(chan struct{})}
	p.calls.late = p.overdue
	logs := newLogSink(options.Logger.Named("plugin."+spec.Name), &p.spec, redactor(spec.Secrets, options.Redact))
	p.runner = &sandboxRunner{spec: &p.spec, program: file, logs: logs}
	return p
}

// clientConfig is go-plugin, with its doors closed.
func (p *Process) clientConfig(run string) *goplugin.ClientConfig {
	served := make(map[int]goplugin.PluginSet)
	for _, major := range p.spec.Protocols {
		served[major] = goplugin.PluginSet{}
	}
	return &goplugin.ClientConfig{
		HandshakeConfig:  hostHandshake,
		VersionedPlugins: served,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     p.spec.StartTimeout,
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       p.runner.logs.writer(),
		SyncStderr:       p.runner.logs.writer(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: run},
		GRPCDialOptions:  p.dialOptions(),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			p.runner.env, p.runner.dir = cmd.Env, dir
			return p.runner, nil
		},
	}
}

// begin starts the plugin in bounded time.
func (p *Process) begin(ctx context.Context) (*Process, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, p.spec.StartTimeout, errStartTimeout)
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- p.connect(bounded) }()
	var err error
	select {
	case err = <-started:
	case <-bounded.Done():
		err = p.interrupt(bounded, started)
	}
	if err == nil {
		err = p.attendant.Started(ctx, p)
	}
	if err != nil {
		return nil, p.failed(bounded, err)
	}
	p.detach = context.AfterFunc(ctx, func() { p.cancelled(context.Cause(ctx)) })
	p.limitLife()
	p.serving.Store(true)
	go p.watch()
	return p, nil
}

// interrupt kills a plugin that takes too long, and waits for connect to notice.
func (p *Process) interrupt(ctx context.Context, started <-chan error) error {
	for deadline := time.Now().Add(killTime); time.Now().Before(deadline); {
		if process := p.runner.current(); process != nil {
			process.Kill()
		}
		select {
		case err := <-started:
			if err == nil {
				err = context.Cause(ctx)
			}
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
	return context.Cause(ctx)
}

// connect runs go-plugin's start and makes the first call. A panic of go-plugin
// on a plugin's words becomes an error.
func (p *Process) connect(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &HandshakeError{Garbage, fmt.Sprintf("go-plugin failed on it: %v", r)}
		}
	}()
	p.runner.starting = ctx
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	client, ok := protocol.(*goplugin.GRPCClient)
	if !ok {
		return &HandshakeError{NotGRPC, "the plugin does not serve gRPC"}
	}
	p.conn = client.Conn
	return p.connected()
}

// connected makes sure that somebody answers. go-plugin opens a stream, which
// waits for the connection and so for the first words of the plugin's gRPC.
func (p *Process) connected() error {
	if p.answered.Load() {
		return nil
	}
	err := p.runner.dialFailure()
	var elsewhere *AddressError
	switch {
	case errors.As(err, &elsewhere):
		return err
	case err != nil:
		return &HandshakeError{NoService, "nobody listens on the plugin's socket: " + bare(err).Error()}
	}
	return &HandshakeError{NoService, "nobody speaks gRPC on the plugin's socket; does its main call sdk/plugin.Serve"}
}

// bare is the operating system's word without the host's own name of the socket.
func bare(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

// failed clears up after a start that did not succeed and finds the best reason.
func (p *Process) failed(ctx context.Context, err error) error {
	defer func() { go p.tidy() }()
	failure := &StartError{Plugin: p.spec.Name, Err: p.reason(ctx, err)}
	process := p.runner.current()
	if process == nil {
		p.attendant.Ended(nil)
		return failure
	}
	died := !foreign(failure.Err) && ctx.Err() == nil && within(process.Done(), settleTime)
	if !died {
		p.turnAway(ctx, failure.Err)
	}
	gone := within(process.Done(), killTime)
	p.runner.settle(settleTime)
	failure.Stderr = p.runner.logs.lastLines()
	if !gone {
		p.attendant.Ended(nil)
		return failure
	}
	death := p.diagnose()
	p.mu.Lock()
	p.death = death
	p.mu.Unlock()
	if died {
		failure.Err = death
	}
	p.attendant.Ended(p)
	return failure
}

// turnAway kills a plugin that cannot be used for what it said, or because nobody
// waits for it any more.
func (p *Process) turnAway(ctx context.Context, reason error) {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStartTimeout) {
		p.cancelled(cause)
		return
	}
	p.kill(Refused, reason.Error())
}

// within waits for an event and reports whether it came in time.
func within(event <-chan struct{}, patience time.Duration) bool {
	select {
	case <-event:
		return true
	case <-time.After(patience):
		return false
	}
}

// reason prefers what we know to what go-plugin made of it.
func (p *Process) reason(ctx context.Context, err error) error {
	if refused := p.runner.refusal(); refused != nil && !closedByUs(ctx, refused) {
		return refused
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errStartTimeout):
		return &HandshakeError{Silent, fmt.Sprintf("the plugin was not ready within %v; does its main call sdk/plugin.Serve", p.spec.StartTimeout)}
	case cause != nil:
		return cause
	}
	return err
}

// closedByUs reports whether a plugin only fell silent because it was killed.
func closedByUs(ctx context.Context, err error) bool {
	var h *HandshakeError
	return ctx.Err() != nil && errors.As(err, &h) && h.Problem == Silent
}

// foreign reports whether an error is about what the plugin said, which counts
// for more than how it ended afterwards.
func foreign(err error) bool {
	var h *HandshakeError
	var a *AddressError
	return errors.As(err, &a) || errors.As(err, &h) && h.Problem != Silent && h.Problem != NoService
}
