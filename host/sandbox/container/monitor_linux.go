// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// MonitorName is the argv[0] of a monitor.
const MonitorName = "bulkhead-container-monitor"

// Descriptors of a monitor. Those to pass on follow.
const (
	lifeFD   = 3
	eventsFD = 4
	passFD   = 5
)

// init serves before the packages that a host needs are initialised.
func init() { MaybeRun() }

// MaybeRun turns this process into a monitor when it was started to be one, and
// then never returns. Importing this package already calls it.
func MaybeRun() {
	if len(os.Args) == 0 || os.Args[0] != MonitorName {
		return
	}
	for fd := lifeFD; fd <= eventsFD; fd++ {
		syscall.CloseOnExec(fd)
	}
	m := &monitor{events: json.NewEncoder(os.NewFile(eventsFD, "events"))}
	os.Exit(m.run(os.NewFile(lifeFD, "life")))
}

// engine drives one container.
type engine interface {
	// create makes the container, and returns the process that is to become the
	// program, 0 when there is none yet. start runs the program, which has the
	// pid that it returns. Both end early when ctx does.
	create(ctx context.Context) (pid int, err error)
	start(ctx context.Context) (*started, error)
	// wait returns when the program has ended.
	wait() (*Exit, error)
	kill()
	// remove clears away what is left. It may be nothing.
	remove() error
}

// newEngine returns the driver of a plan's runtime. Files are those to pass on.
func newEngine(p *plan, files []*os.File) engine {
	if p.Engine == dockerEngine {
		return &docker{plan: p}
	}
	return &oci{plan: p, files: files}
}

type monitor struct {
	plan   plan
	engine engine
	events *json.Encoder
}

// run lives as long as the container.
func (m *monitor) run(life io.Reader) int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return m.failed("subreaper", err)
	}
	lines := bufio.NewReader(life)
	text, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &m.plan)
	}
	if err != nil {
		return m.failed("plan", err)
	}
	m.engine = newEngine(&m.plan, passed(m.plan.Inherit))
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	return m.watch(ctx)
}

// passed are the descriptors that the program is to have.
func passed(count int) (out []*os.File) {
	for i := range count {
		out = append(out, os.NewFile(uintptr(passFD+i), "inherited"))
	}
	return out
}

// watch carries the container from its creation to its removal.
func (m *monitor) watch(ctx context.Context) int {
	defer func() { _ = m.plan.removeBy(m.engine) }()
	pid, err := m.engine.create(ctx)
	if err != nil {
		return m.failed("create", err)
	}
	spaces, err := m.lookBefore(pid)
	if err != nil {
		return m.failed("verify", err)
	}
	started, err := m.engine.start(ctx)
	if err != nil {
		return m.failed("start", err)
	}
	stop := context.AfterFunc(ctx, m.engine.kill)
	defer stop()
	if started.Seen, err = m.lookAfter(started.PID, spaces); err != nil {
		m.engine.kill()
		return m.failed("verify", err)
	}
	_ = m.events.Encode(event{Started: started})
	exit, err := m.engine.wait()
	if err != nil {
		return m.failed("wait", err)
	}
	// The host may clear up after itself when it hears of the end.
	err = m.plan.removeBy(m.engine)
	_ = m.events.Encode(event{Ended: exit})
	if err != nil {
		return 1
	}
	return 0
}

// lookBefore checks the mounts and the namespaces before the program runs. Where
// this user may not look yet, lookAfter does.
func (m *monitor) lookBefore(pid int) (spaces []string, err error) {
	if pid == 0 || m.plan.Gvisor {
		return nil, nil
	}
	if spaces, err = namespacesOf(pid); err == nil {
		err = checkIdentities(pid, m.plan.Binds)
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, nil
	}
	return spaces, err
}

func (m *monitor) lookAfter(pid int, spaces []string) (sight, error) {
	if len(spaces) == 0 && !m.plan.Gvisor {
		if err := awaitIdentities(pid, m.plan.Binds); err != nil {
			return sight{}, err
		}
	}
	return inspect(pid, &m.plan, spaces)
}

func (m *monitor) failed(step string, err error) int {
	_ = m.events.Encode(event{Failed: &failure{step, err.Error()}})
	return 1
}
