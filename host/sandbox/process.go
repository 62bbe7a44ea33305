// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"os/exec"
	"sync"
)

// Process is a running program and everything that it may have started.
type Process struct {
	cmd     *exec.Cmd
	pid     int
	report  Report
	dir     directory
	release func() // gives the uid, the job handle and the like back

	mu     sync.Mutex
	reaped bool
	state  *os.ProcessState
	done   chan struct{}
}

// directory is the private directory of a program.
type directory struct {
	socket string   // as the program names it
	file   *os.File // held open by the host; may be nil
}

// newProcess takes over a started command and begins to wait for it.
func newProcess(cmd *exec.Cmd, report Report, dir directory, release func()) *Process {
	p := &Process{cmd: cmd, pid: cmd.Process.Pid, report: report, dir: dir, release: release, done: make(chan struct{})}
	go p.reap()
	return p
}

// PID is the process id in the host's pid namespace.
func (p *Process) PID() int { return p.pid }

// Report says which walls stand.
func (p *Process) Report() Report { return p.report }

// SocketDir is the program's private writable directory by the name that
// Spec.SocketEnv gives to it; "" when it has none.
func (p *Process) SocketDir() string { return p.dir.socket }

// DirFile is the private directory, opened by the host before the program could
// do anything to it. It is nil when the program was gone at once, and on
// platforms without a way to look into the sandbox. Process closes it.
func (p *Process) DirFile() *os.File { return p.dir.file }

// Done is closed when the program has ended and its remains were cleared away.
func (p *Process) Done() <-chan struct{} { return p.done }

// State is how the program ended; nil while it runs.
func (p *Process) State() *os.ProcessState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Kill ends the program at once, with everything it started that the level can
// reach: all of it at namespaced, its process group below. It does not wait and
// may be called at any time, any number of times.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		killTree(p.cmd)
	}
}

// reap waits for the end. The group is killed between the program's death and
// the moment its pid becomes free for others.
func (p *Process) reap() {
	awaitExit(p.pid)
	p.mu.Lock()
	killTree(p.cmd)
	p.reaped = true
	p.mu.Unlock()
	_ = p.cmd.Wait()
	p.mu.Lock()
	p.state = p.cmd.ProcessState
	p.mu.Unlock()
	if p.dir.file != nil {
		_ = p.dir.file.Close()
	}
	p.release()
	close(p.done)
}
