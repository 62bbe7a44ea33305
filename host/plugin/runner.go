// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

var _ runner.AttachedRunner = (*sandboxRunner)(nil)

// sandboxRunner starts a sandboxed process and reads its handshake. To go-plugin it
// is a process that runs already.
type sandboxRunner struct {
	spec *Spec
	program
	logs  *logSink
	ahead *sandbox.Ahead
	dir   string // private directory on the host's side

	starting context.Context // bounds the start of the process; go-plugin's own does not end early

	met   chan struct{} // closed when there is an address to dial, or will be none
	built chan struct{} // closed when go-plugin has its client

	process        *sandbox.Process
	fallen         []string      // levels tried before the sandbox's own list
	stdout, stderr *os.File      // our ends of the pipes
	logged         chan struct{} // closed when standard error has ended

	mu      sync.Mutex
	major   int       // the protocol major agreed upon
	host    [2]string // network and address to dial
	first   net.Conn  // to that address, made before gRPC asks for it
	release func()    // lets go of the address
	refused error     // why the handshake was not accepted
	dialled error     // why the last attempt to connect failed
}

// meet launches the process and goes through its handshake.
func (r *sandboxRunner) meet() error {
	defer close(r.met)
	if r.spec.Reattach != nil {
		return r.reattach()
	}
	if err := r.start(r.starting); err != nil {
		return err
	}
	hello, err := r.greeting(r.starting)
	r.greeted(hello, err)
	if err != nil {
		return err
	}
	_, _, err = r.PluginToHost(hello.network, hello.address)
	go discard(r)
	return err
}

// start launches the process.
func (r *sandboxRunner) start(ctx context.Context) error {
	stdout, stdoutW, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, stdout.Close(), stdoutW.Close())
	}
	process, err := r.launch(ctx, r.sandboxSpec(stdoutW, stderrW))
	_ = stdoutW.Close()
	_ = stderrW.Close()
	if err != nil {
		_ = stdout.Close()
		_ = stderr.Close()
		return err
	}
	r.adopt(process, stdout, stderr)
	return nil
}

// adopt takes over a process that runs and begins to read its log.
func (r *sandboxRunner) adopt(process *sandbox.Process, stdout, stderr *os.File) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process, r.stdout, r.stderr = process, stdout, stderr
	logged := make(chan struct{})
	r.logged = logged
	go func() {
		defer close(logged)
		r.logs.pump(stderr)
	}()
}

// current is the process, nil before it runs.
func (r *sandboxRunner) current() *sandbox.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

// launch starts the program, or the interpreter of a script.
func (r *sandboxRunner) launch(ctx context.Context, spec sandbox.Spec) (process *sandbox.Process, err error) {
	i := r.spec.Interpreter
	if i == nil {
		return sandbox.Launch(ctx, spec)
	}
	spec.Binds = slices.Concat(i.binds(r.script, r.spec.Path), spec.Binds)
	spec.Env = slices.Concat(spec.Env, i.Env)
	process, r.fallen, err = launchScript(ctx, spec, i, r.spec.Path, r.spec.Args)
	return process, err
}

func (r *sandboxRunner) sandboxSpec(stdout, stderr *os.File) sandbox.Spec {
	s := r.spec
	return sandbox.Spec{
		Exe: r.exe, Args: s.argv(), Env: r.environment(),
		DirEnv: []string{"HOME", "TMPDIR"}, SocketEnv: goplugin.EnvUnixSocketDir, TargetEnv: handshake.EnvTargetRoot,
		PrivateDir: r.dir, Stdout: stdout, Stderr: stderr,
		Binds: s.Binds, Root: s.Root, Proc: s.Proc, Identity: s.Identity, Limits: s.Limits,
		Floor: s.Floor, Ceiling: s.Ceiling, Strict: s.Strict, Runtime: s.Runtime, Without: s.Without,
		Trace: s.Trace, Ahead: r.ahead, Inherit: s.Inherit, Secrets: s.Secrets, SecretsEnv: s.SecretsEnv,
	}
}

// firstInherited is the number of the first inherited descriptor.
const firstInherited = 3

// environment has go-plugin's own variables, the few that every program may
// expect, and those that were granted.
func (r *sandboxRunner) environment() []string {
	env := append([]string{"LANG=C.UTF-8", "PATH=/usr/bin:/bin"}, invitation(r.spec.Protocols)...)
	for _, name := range slices.Sorted(maps.Keys(r.spec.Env)) {
		env = append(env, name+"="+r.spec.Env[name])
	}
	for i, name := range r.spec.InheritEnv {
		env = append(env, name+"="+strconv.Itoa(firstInherited+i))
	}
	return env
}

// Wait returns when the process is gone, or will not come. go-plugin, which then ends
// its streams, must have its client by then: it does not clear up half of one.
func (r *sandboxRunner) Wait(context.Context) error {
	<-r.met
	<-r.built
	if process := r.current(); process != nil {
		<-process.Done()
	}
	return nil
}

// Kill does nothing: the host kills the process itself, before it asks go-plugin
// to clear up. A kill by go-plugin at the first sign of trouble would hide how a
// plugin that was dying already came to its end.
func (r *sandboxRunner) Kill(context.Context) error { return nil }

// settle waits for the last of the log and closes our ends of the pipes, which
// frees whoever still reads from them. A descendant may hold the other ends.
func (r *sandboxRunner) settle(patience time.Duration) {
	within(r.logged, patience)
	r.logs.finish()
	_ = r.stdout.Close()
	_ = r.stderr.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release != nil {
		r.release()
		r.release = nil
	}
	r.host = [2]string{}
	if r.first != nil {
		_ = r.first.Close()
		r.first = nil
	}
}

// ID names the plugin. go-plugin clears up for one that has an ID only.
func (r *sandboxRunner) ID() string { return r.spec.Name }

// deathNear is how long a plugin whose socket is not there may take to be gone,
// which then is the reason.
const deathNear = 50 * time.Millisecond

// PluginToHost checks the address in the handshake and connects to it.
func (r *sandboxRunner) PluginToHost(network, address string) (string, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release != nil {
		return "", "", &AddressError{network, sanitize(address), "a second address is not allowed"}
	}
	hostNetwork, hostAddress, release, err := locate(r.process, network, address)
	if err != nil && within(r.process.Done(), deathNear) {
		return "", "", errors.New("the plugin ended before the host could connect to it")
	}
	if err != nil {
		return "", "", err
	}
	r.host, r.release = [2]string{hostNetwork, hostAddress}, release
	r.first, r.dialled = r.connect(r.starting)
	return hostNetwork, hostAddress, nil
}

// HostToPlugin refuses: a plugin may not call the host.
func (r *sandboxRunner) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.New("the host opens no address to a plugin")
}

// dial waits for the handshake and gives gRPC the connection.
func (r *sandboxRunner) dial(ctx context.Context, _ string) (conn net.Conn, err error) {
	select {
	case <-r.met:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release == nil {
		return nil, net.ErrClosed
	}
	if conn, r.first = r.first, nil; conn == nil {
		if conn, r.dialled = r.connect(ctx); conn == nil {
			return nil, r.dialled
		}
	}
	return newPacedConn(conn, func() {
		r.logs.logger.Warn("the plugin sends more HTTP/2 frames than its calls need, and is read slowly from now on")
	}), nil
}

// connect connects to the plugin and makes sure that it is the plugin.
func (r *sandboxRunner) connect(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, r.host[0], r.host[1])
	if err != nil {
		return nil, err
	}
	if err := checkPeer(conn, r.process.PID()); err != nil {
		_ = conn.Close()
		return nil, &AddressError{r.host[0], r.host[1], err.Error()}
	}
	return conn, nil
}

// dialFailure is why the host could not connect; nil when it could.
func (r *sandboxRunner) dialFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dialled
}

// greeting waits for the plugin's first line, until the context ends: a descendant
// can hold the output of a plugin that is gone.
func (r *sandboxRunner) greeting(ctx context.Context) (greeting, error) {
	defer context.AfterFunc(ctx, func() { _ = r.stdout.SetReadDeadline(time.Now()) })()
	return readGreeting(r.stdout, r.spec.Protocols)
}

// greeted keeps what was agreed upon, or the reason of a refused handshake.
func (r *sandboxRunner) greeted(hello greeting, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.major, r.refused = hello.major, err
	if h, ok := errors.AsType[*HandshakeError](err); ok {
		h.Detail = r.logs.redact(h.Detail)
	}
}

// refusal returns what greeted kept.
func (r *sandboxRunner) refusal() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// discard reads on at a bounded rate, so that a plugin that prints does not stop.
func discard(r *sandboxRunner) {
	_, _ = io.Copy(io.Discard, r.logs.pace.reader(r.stdout))
}
