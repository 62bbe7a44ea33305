// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"context"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawExecutor says that this architecture has the raw executor.
const rawExecutor = true

// run is what the assembly works on. It must not move: it is on the heap.
type run struct {
	flags   uintptr // of clone
	ops     *op
	memory  *uint64
	block   uint64 // the signal mask for the child, all ones
	restore uint64 // the mask of this thread
	pid     int    // of the child, or a negated errno
	failed  int    // the op that ended the program, or -1
	errno   int
	pidfd   atomic.Int32   // written by the kernel before the child runs
	cut     atomic.Uintptr // the errno of a child that shall not begin
}

// spawn clones, and carries out the ops in the child.
func spawn(r *run)

// newRun loads a program for the raw executor.
func newRun(p *program, namespaces uintptr) *run {
	numbers := make([]int, len(p.files))
	for i, f := range p.files {
		numbers[i] = int(f.Fd())
	}
	r := &run{
		flags: unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_PIDFD | uintptr(unix.SIGCHLD) | namespaces,
		ops:   &p.ops[0], memory: &p.load(numbers)[0], block: ^uint64(0), failed: -1,
	}
	r.pidfd.Store(-1)
	return r
}

// start runs the program and tells how far it came. It returns when the program
// was executed or has failed.
func (r *run) start(p *program) (child, *outcome, error) {
	_ = onForkThread(func() error {
		spawn(r)
		return nil
	})
	runtime.KeepAlive(p)
	if r.pid < 0 {
		return child{}, nil, unix.Errno(-r.pid)
	}
	out := &outcome{failed: r.failed, errno: unix.Errno(r.errno), notes: map[operand]unix.Errno{}}
	for _, at := range p.noteCells() {
		out.notes[at] = unix.Errno(r.word(at))
	}
	out.ready = r.word(cellReached) != 0
	return child{pid: r.pid, pidfd: int(r.pidfd.Load())}, out, nil
}

// word reads a 32-bit variable of the program.
func (r *run) word(at operand) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(r.memory), at))
}

// interrupt ends the child while the parent sleeps, or before it begins: either its
// pidfd is seen here, or the child sees that it is cut.
func (r *run) interrupt() {
	r.cut.Store(uintptr(unix.ECANCELED))
	if fd := r.pidfd.Load(); fd >= 0 {
		_ = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0)
	}
}

// executeRaw runs the program by the raw executor.
func (a *attempt) executeRaw(ctx context.Context, c *compiler) (child, *mail, *outcome, error) {
	r := newRun(c.program, a.namespaces())
	cease := afterEnd(ctx, r.interrupt)
	started, o, err := r.start(c.program)
	cease()
	_ = a.sockets[1].Close()
	if err != nil {
		return child{}, nil, nil, a.failed("clone", "", err)
	}
	return started, readMail(a.sockets[0]), o, nil
}
