// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// useShim says that launches go through the shim although this architecture has
// the raw executor. The environment variable is for operators and comparisons.
var useShim = os.Getenv(shimVariable) == "1"

// shimVariable is the environment variable that makes every launch go through the shim.
const shimVariable = "BULKHEAD_SANDBOX_SHIM"

// launchAt starts the program at exactly this level. A *StepError means that the
// level cannot be reached here.
func launchAt(ctx context.Context, spec *Spec, level Level) (*Process, error) {
	if err := seesPrograms(level); err != nil {
		return nil, err
	}
	if err := knownFailure(spec, level); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(crowded); ; time.Sleep(crowded / 50) {
		a := newAttempt(spec, level)
		process, err := a.run(ctx)
		if err == nil {
			return process, nil
		}
		a.release()
		// The user's processes have more descriptors on their way in sockets than a
		// plugin may have open files, which passes as they are received.
		if errors.Is(err, unix.ETOOMANYREFS) && time.Now().Before(deadline) && ctx.Err() == nil {
			continue
		}
		learn(spec, level, err)
		return nil, err
	}
}

// crowded is how long a launch tries again while descriptors are on their way.
const crowded = time.Second

// run prepares, starts and verifies.
func (a *attempt) run(ctx context.Context) (*Process, error) {
	if err := a.prepare(); err != nil {
		a.discardGroup()
		return nil, err
	}
	c, m, err := a.start(ctx)
	if err != nil {
		a.discardGroup()
		return nil, err
	}
	p := a.adopt(c, m)
	err = errors.Join(a.delivered(m), a.listens(m))
	if err == nil {
		err = a.inspect(p)
	}
	if err != nil {
		p.Kill()
		<-p.Done()
		return nil, err
	}
	return p, nil
}

// delivered wants the descriptor of a private directory that only the program can
// name: without it the host would look for the program's socket in a directory of
// its own.
func (a *attempt) delivered(m *mail) error {
	if !a.walls.mount || a.dir == "" || m.directory != nil {
		return nil
	}
	if m.lost != nil {
		return a.failed("private-directory", a.dir, m.lost)
	}
	return a.failed("private-directory", a.dir, errors.New("its descriptor did not come back from the launch"))
}

// discardGroup removes a group that nothing runs in.
func (a *attempt) discardGroup() {
	if a.leaf != nil {
		_ = a.leaf.Remove()
	}
}

// start compiles the program and carries it out. When it returns without an
// error, the program runs.
func (a *attempt) start(ctx context.Context) (child, *mail, error) {
	defer a.sockets[0].Close()
	defer a.leaveNetwork()
	c := a.compile()
	if err := a.awaitNetwork(c); err != nil {
		_ = a.sockets[1].Close()
		return child{}, nil, err
	}
	started, m, o, err := a.execute(ctx, c)
	if err != nil {
		return child{}, nil, err
	}
	a.skipMissing(o)
	a.pidsBounded = a.pidNote != 0 && o.note(a.pidNote) == 0
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("sandbox: start at level %s cut short: %w", a.level, context.Cause(ctx))
	case o.failed >= 0 || !o.ready:
		err = a.explain(c, o)
	default:
		return started, m, nil
	}
	started.kill()
	started.reap()
	m.discard()
	return child{}, nil, err
}

// awaitNetwork puts the network namespace into the program.
func (a *attempt) awaitNetwork(c *compiler) error {
	if a.network == nil {
		return nil
	}
	file, err := a.network.wait()
	if err != nil {
		return a.failed("clone", "", err)
	}
	c.files[c.network] = file
	return nil
}

// leaveNetwork lets go of the namespace: the program is in it, or there is none.
func (a *attempt) leaveNetwork() {
	if a.network != nil {
		a.network.discard()
	}
}

// execute forks by one of the executors.
func (a *attempt) execute(ctx context.Context, c *compiler) (child, *mail, *outcome, error) {
	if err := ctx.Err(); err != nil {
		_ = a.sockets[1].Close()
		return child{}, nil, nil, fmt.Errorf("sandbox: start at level %s cut short: %w", a.level, context.Cause(ctx))
	}
	hidden.begin()
	defer hidden.end()
	if rawExecutor && !useShim {
		return a.executeRaw(ctx, c)
	}
	return a.executeShim(ctx, c)
}

// executeShim forks a shim and listens until it has executed the program.
func (a *attempt) executeShim(ctx context.Context, c *compiler) (child, *mail, *outcome, error) {
	started, err := startShim(c.program, c.socket, a.namespaces())
	_ = a.sockets[1].Close()
	if err != nil {
		return child{}, nil, nil, a.failed("clone", "", err)
	}
	defer afterEnd(ctx, started.kill)()
	m := readMail(a.sockets[0])
	return started, m, &outcome{failed: m.failed, errno: m.errno, notes: m.notes, ready: m.ready}, nil
}

// afterEnd calls a function when the context ends, until the function that it
// returns is called, which waits for a call under way: the descriptor and the pid
// that it works on may be another program's soon after.
func afterEnd(ctx context.Context, do func()) (cease func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		do()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// inspect looks at the running program and describes its walls.
func (a *attempt) inspect(p *Process) error {
	verified, err := a.verify(p.pid)
	if err != nil {
		return err
	}
	p.report = a.report(verified, p.denials != nil)
	return nil
}
