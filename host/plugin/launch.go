// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
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
	if spec.Reattach != nil {
		return reattach(ctx, spec, options)
	}
	ahead := sandbox.Anticipate(&sandbox.Spec{Ceiling: spec.Ceiling, Without: spec.Without, Runtime: spec.Runtime})
	defer ahead.Close()
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
	p.runner.ahead, p.attendant = ahead, attendant
	if p.runner.dir, err = os.MkdirTemp(run, "plugin-"); err != nil {
		return nil, &StartError{Plugin: spec.Name, Err: err}
	}
	p.client = newClient(p)
	return p.begin(ctx)
}

func newClient(p *Process) *goplugin.Client { return goplugin.NewClient(p.clientConfig()) }

func newProcess(spec Spec, options Options, digest string, file program) *Process {
	p := &Process{attendant: unattended{}, spec: spec, options: options, digest: digest, built: make(chan struct{}), done: make(chan struct{})}
	p.calls.late = p.overdue
	logs := newLogSink(options.Logger.Named("plugin."+spec.Name), &p.spec, redactor(spec.Secrets, options.Redact))
	p.runner = &sandboxRunner{spec: &p.spec, program: file, logs: logs, met: make(chan struct{}), built: p.built}
	return p
}

// clientConfig is go-plugin, with its doors closed. It is told that the plugin runs
// already: so it builds its client while the plugin starts, and the dialer makes
// that wait until there is somebody to connect to.
func (p *Process) clientConfig() *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  hostHandshake,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       p.runner.logs.writer(),
		SyncStderr:       p.runner.logs.writer(),
		GRPCDialOptions:  p.dialOptions(),
		Reattach: &goplugin.ReattachConfig{
			Protocol: goplugin.ProtocolGRPC, Addr: &net.UnixAddr{Net: "unix", Name: p.spec.Name},
			ReattachFunc: func() (runner.AttachedRunner, error) { return p.runner, nil },
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
	p.cameUp()
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

// connect starts the plugin, and beside that go-plugin's client.
func (p *Process) connect(ctx context.Context) error {
	p.runner.starting = ctx
	go p.build()
	if err := p.runner.meet(); err != nil {
		return err
	}
	switch built := within(p.built, serviceTime); {
	case built && p.buildErr != nil:
		return p.buildErr
	case !built || !p.answered.Load():
		return p.unanswered()
	}
	p.conn = p.grpc.Conn
	return nil
}

// build has go-plugin make its client, which returns when gRPC is connected or
// cannot be. A panic of go-plugin becomes an error.
func (p *Process) build() {
	defer close(p.built)
	defer func() {
		if r := recover(); r != nil {
			p.buildErr = &HandshakeError{Garbage, fmt.Sprintf("go-plugin failed on it: %v", r)}
		}
	}()
	protocol, err := p.client.Client()
	p.grpc, _ = protocol.(*goplugin.GRPCClient)
	if s, answered := status.FromError(err); err != nil && answered {
		err = &HandshakeError{NoService, "the plugin's gRPC takes no calls: " + sanitize(clip(s.Message(), maxStatusText))}
	}
	if p.buildErr = err; err == nil && p.grpc == nil {
		p.buildErr = &HandshakeError{NotGRPC, "the plugin does not serve gRPC"}
	}
}

// unanswered is why nobody speaks gRPC. That somebody does shows in the stream that
// go-plugin opens, which waits for the connection and so for the first words of the
// plugin's gRPC.
func (p *Process) unanswered() error {
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

// looks is how often within looks before it gives up.
const looks = 20

// within waits for an event and reports whether it came in time. It waits in steps:
// a host that gets no processor for a while finds the time passed before whatever
// would have told of the event has run.
func within(event <-chan struct{}, patience time.Duration) bool {
	for range looks {
		select {
		case <-event:
			return true
		case <-time.After(patience / looks):
		}
	}
	return false
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
