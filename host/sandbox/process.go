// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"sync"
)

// Process is a running program and everything that it may have started.
type Process struct {
	started started
	pid     int
	report  Report
	dir     directory
	release func() // gives the uid, the job handle and the like back
	denials func() []Denial

	mu     sync.Mutex
	reaped bool
	exit   *Exit
	done   chan struct{}
}

// started is a process of the operating system that was not waited for yet.
type started interface {
	kill()       // ends it and its group; only before reap
	await()      // returns when it has ended, and leaves its id its own
	reap() *Exit // gives its id back
}

// directory is the private directory of a program.
type directory struct {
	socket string   // as the program names it
	file   *os.File // held open by the host; may be nil
}

// begin waits for the end in the background.
func (p *Process) begin() { go p.reap() }

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

// Exit is how the program ended; nil while it runs.
func (p *Process) Exit() *Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Denials lists what the program was refused so far, where the level can tell.
// The list is complete when Done is closed.
func (p *Process) Denials() []Denial {
	if p.denials == nil {
		return nil
	}
	return p.denials()
}

// Kill ends the program at once, with everything it started that the level can
// reach: all of it where there is a pid namespace, its process group below. It
// does not wait and may be called at any time, any number of times.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		p.started.kill()
	}
}

// reap waits for the end. The group is killed between the program's death and
// the moment its pid becomes free for others.
func (p *Process) reap() {
	p.started.await()
	p.mu.Lock()
	p.started.kill()
	p.reaped = true
	p.mu.Unlock()
	exit := p.started.reap()
	p.mu.Lock()
	p.exit = exit
	p.mu.Unlock()
	if p.dir.file != nil {
		_ = p.dir.file.Close()
	}
	p.release()
	close(p.done)
}
