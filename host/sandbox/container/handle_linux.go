// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Handle is a running container.
type Handle struct {
	name     string
	pid      int
	walls    []Wall
	verified bool

	monitor *exec.Cmd
	life    *os.File // its end ends the container
	events  *json.Decoder
	cut     sync.Once
	exit    Exit
	done    chan struct{}
}

// PID is the program's process id as the host sees it, 0 when Docker found it
// ended already. Under gVisor it is the process of its kernel.
func (h *Handle) PID() int { return h.pid }

// Walls lists every wall, in a fixed order.
func (h *Handle) Walls() []Wall { return h.walls }

// Verified says whether the walls were seen from outside, and not only promised.
func (h *Handle) Verified() bool { return h.verified }

// Done is closed when the program has ended and its remains were cleared away.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Exit is how the program ended. Ask when Done is closed.
func (h *Handle) Exit() Exit { return h.exit }

// Kill ends the program at once with everything it started. It does not wait and
// may be called any number of times.
func (h *Handle) Kill() { h.cut.Do(func() { _ = h.life.Close() }) }

// swapAfterPlan lets tests redirect a path after it was verified.
var swapAfterPlan = func() {}

// Start runs a program in a container and returns when it runs and its walls were
// verified. The context bounds the start only. The error is an [*Error], or a
// plain one for a request that makes no sense.
func Start(ctx context.Context, r *Request) (*Handle, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	p, err := newPlan(r)
	if err != nil {
		return nil, &Error{r.Runtime, "prepare", err}
	}
	swapAfterPlan()
	h, err := start(ctx, r, p)
	if err != nil {
		_ = p.remove() // the monitor may not have come so far
	}
	return h, err
}

func start(ctx context.Context, r *Request, p *plan) (*Handle, error) {
	h, events, err := spawn(r, p)
	if err != nil {
		return nil, &Error{r.Runtime, "monitor", err}
	}
	stop := context.AfterFunc(ctx, h.Kill)
	err = h.converse(r, p)
	if !stop() {
		err = &Error{r.Runtime, "start", context.Cause(ctx)}
	}
	if err != nil {
		h.Kill()
		_, _ = io.Copy(io.Discard, events) // until the monitor has cleared up
		_ = h.monitor.Wait()
		_ = events.Close()
		return nil, err
	}
	go h.await(p, events)
	return h, nil
}

// spawn starts the monitor.
func spawn(r *Request, p *plan) (*Handle, *os.File, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	lifeR, lifeW, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	eventsR, eventsW, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, lifeR.Close(), lifeW.Close())
	}
	cmd := &exec.Cmd{
		Path: self, Args: []string{MonitorName}, Env: monitorEnv(), Dir: "/",
		ExtraFiles: append([]*os.File{lifeR, eventsW}, r.Inherit...), SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if r.Stdout != nil { // a nil *os.File in an io.Writer is not nil
		cmd.Stdout = r.Stdout
	}
	if r.Stderr != nil {
		cmd.Stderr = r.Stderr
	}
	err = instruct(cmd, lifeW, p)
	_ = lifeR.Close()
	_ = eventsW.Close()
	if err != nil {
		return nil, nil, errors.Join(err, lifeW.Close(), eventsR.Close())
	}
	h := &Handle{name: p.Name, monitor: cmd, life: lifeW, events: json.NewDecoder(eventsR), done: make(chan struct{})}
	return h, eventsR, nil
}

// instruct starts a monitor and sends it its plan.
func instruct(cmd *exec.Cmd, life io.Writer, p *plan) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	err := json.NewEncoder(life).Encode(p)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	return err
}

// monitorEnv is what runtimes look at: where programs are, and for an ordinary
// user where the state of the session is.
func monitorEnv() []string {
	env := []string{"GOGC=off", "GOMAXPROCS=2", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "HOME"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// event is one word of the monitor. Exactly one field is set.
type event struct {
	Started *started
	Ended   *Exit
	Failed  *failure
}

type started struct {
	PID     int
	Runtime string // with its version
	Groups  []string
	Seen    sight
}

type failure struct{ Step, Reason string }

// converse waits until the program runs and was looked at.
func (h *Handle) converse(r *Request, p *plan) error {
	var e event
	if err := h.events.Decode(&e); err != nil {
		return &Error{r.Runtime, "monitor", errors.New("the monitor ended without a word; is the host's main calling sandbox.MaybeInit")}
	}
	switch {
	case e.Failed != nil:
		return &Error{r.Runtime, e.Failed.Step, errors.New(e.Failed.Reason)}
	case e.Started == nil:
		return &Error{r.Runtime, "monitor", fmt.Errorf("it sent %+v where a start was due", e)}
	}
	h.pid = e.Started.PID
	h.verified = e.Started.Seen.Complete
	h.walls = walls(r, p, e.Started)
	return nil
}

// await waits for the end. If the monitor died, the container is cleared away
// from here.
func (h *Handle) await(p *plan, events *os.File) {
	var e event
	if err := h.events.Decode(&e); err == nil && e.Ended != nil {
		h.exit = *e.Ended
	} else {
		h.exit = Exit{Code: -1, Signal: syscall.SIGKILL}
		_ = p.remove()
	}
	_ = h.monitor.Wait()
	_ = events.Close()
	h.Kill()
	close(h.done)
}
