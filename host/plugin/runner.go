// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

var _ runner.Runner = (*sandboxRunner)(nil)

// sandboxRunner lets go-plugin drive a sandboxed process. It shows go-plugin one
// checked line of output and nothing else.
type sandboxRunner struct {
	spec *Spec
	program
	logs *logSink
	env  []string // from go-plugin
	dir  string   // private directory on the host's side

	starting context.Context // bounds the start of the process; go-plugin's own does not end early

	process        *sandbox.Process
	fallen         []string      // levels tried before the sandbox's own list
	stdout, stderr *os.File      // our ends of the pipes
	logged         chan struct{} // closed when standard error has ended

	mu      sync.Mutex
	major   int       // the protocol major agreed upon
	host    [2]string // network and address to dial
	release func()    // lets go of the address
	refused error     // why the handshake was not accepted
	dialled error     // why the last attempt to connect failed
}

// Start launches the process.
func (r *sandboxRunner) Start(context.Context) error {
	ctx := r.starting
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
		Inherit: s.Inherit, Secrets: s.Secrets, SecretsEnv: s.SecretsEnv,
	}
}

// firstInherited is the number of the first inherited descriptor.
const firstInherited = 3

// environment keeps go-plugin's own variables and adds the few that every
// program may expect, and those that were granted.
func (r *sandboxRunner) environment() []string {
	env := []string{"LANG=C.UTF-8", "PATH=/usr/bin:/bin"}
	for _, v := range r.env {
		name, _, _ := strings.Cut(v, "=")
		if name == handshake.MagicCookieKey || strings.HasPrefix(name, "PLUGIN_") && name != goplugin.EnvUnixSocketDir {
			env = append(env, v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.spec.Env)) {
		env = append(env, name+"="+r.spec.Env[name])
	}
	for i, name := range r.spec.InheritEnv {
		env = append(env, name+"="+strconv.Itoa(firstInherited+i))
	}
	return env
}

// Stdout gives go-plugin the checked handshake line.
func (r *sandboxRunner) Stdout() io.ReadCloser { return &greetingReader{runner: r} }

// Stderr is empty for go-plugin: the log is read by the sink.
func (r *sandboxRunner) Stderr() io.ReadCloser { return io.NopCloser(bytes.NewReader(nil)) }

// Wait returns when the process is gone.
func (r *sandboxRunner) Wait(ctx context.Context) error {
	select {
	case <-r.process.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill does nothing: the host kills the process itself, before it asks go-plugin
// to clear up. A kill by go-plugin at the first sign of trouble would hide how a
// plugin that was dying already came to its end.
func (r *sandboxRunner) Kill(context.Context) error { return nil }

// settle waits for the last of the log and closes our ends of the pipes, which
// frees whoever still reads from them. A descendant may hold the other ends.
func (r *sandboxRunner) settle(patience time.Duration) {
	select {
	case <-r.logged:
	case <-time.After(patience):
	}
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
}

// ID is the process id.
func (r *sandboxRunner) ID() string {
	if process := r.current(); process != nil {
		return strconv.Itoa(process.PID())
	}
	return ""
}

// Name is what go-plugin calls the plugin.
func (r *sandboxRunner) Name() string { return r.spec.Name }

// Diagnose has nothing to add: our own errors are returned instead of go-plugin's.
func (r *sandboxRunner) Diagnose(context.Context) string { return "" }

// deathNear is how long a plugin whose socket is not there may take to be gone,
// which then is the reason.
const deathNear = 50 * time.Millisecond

// PluginToHost checks the address in the handshake and keeps a way to it.
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
	return hostNetwork, hostAddress, nil
}

// HostToPlugin refuses: a plugin may not call the host.
func (r *sandboxRunner) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.New("the host opens no address to a plugin")
}

// dial connects to the plugin and makes sure that it is the plugin.
func (r *sandboxRunner) dial(ctx context.Context, _ string) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release == nil {
		return nil, net.ErrClosed
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, r.host[0], r.host[1])
	if err != nil {
		r.dialled = err
		return nil, err
	}
	if err := checkPeer(conn, r.process.PID()); err != nil {
		_ = conn.Close()
		r.dialled = &AddressError{r.host[0], r.host[1], err.Error()}
		return nil, r.dialled
	}
	return newPacedConn(conn, func() {
		r.logs.logger.Warn("the plugin sends more HTTP/2 frames than its calls need, and is read slowly from now on")
	}), nil
}

// dialFailure is why the host could not connect; nil when it could.
func (r *sandboxRunner) dialFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dialled
}

// greetingReader yields the rebuilt handshake line, then the end.
type greetingReader struct {
	runner *sandboxRunner
	rest   []byte
	done   bool
	err    error
}

// Read waits for the plugin's first line on the first call.
func (g *greetingReader) Read(p []byte) (int, error) {
	if !g.done {
		g.done = true
		var hello greeting
		if hello, g.err = readGreeting(g.runner.stdout, g.runner.spec.Protocols); g.err == nil {
			g.rest = []byte(hello.line())
			go discard(g.runner)
		}
		g.runner.greeted(hello, g.err)
	}
	if len(g.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// greeted keeps what was agreed upon, or the reason of a refused handshake, which
// go-plugin would turn into text of its own.
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

// Close is for settle to do.
func (g *greetingReader) Close() error { return nil }

// discard reads on at a bounded rate, so that a plugin that prints does not stop.
func discard(r *sandboxRunner) {
	_, _ = io.Copy(io.Discard, r.logs.pace.reader(r.stdout))
}
