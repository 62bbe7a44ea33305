// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/seccomp"
)

// child is a process that was forked and not waited for yet, so that its pid and
// its group stay its own.
type child struct {
	pid   int
	pidfd int
}

// kill ends the process and its group, which it leads.
func (c child) kill() {
	_ = unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
	_ = unix.Kill(-c.pid, unix.SIGKILL)
}

// await returns when the process has ended, and leaves it as a zombie. While it
// waits it holds no thread.
func (c child) await() {
	if fd, err := unix.FcntlInt(uintptr(c.pidfd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		if unix.SetNonblock(fd, true) == nil {
			awaitPolled(os.NewFile(uintptr(fd), "pidfd"), c.pid)
		} else {
			_ = unix.Close(fd)
		}
	}
	waitZombie(c.pid, 0)
}

// awaitPolled waits in the runtime's poller.
func awaitPolled(f *os.File, pid int) {
	defer f.Close()
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Read(func(uintptr) bool { return waitZombie(pid, unix.WNOHANG) })
	}
}

// waitZombie reports whether the process has ended.
func waitZombie(pid, flags int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if err != unix.EINTR {
			return err != nil || info.Signo != 0
		}
	}
}

// reap takes the process out of the table.
func (c child) reap() *Exit {
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		if _, err := unix.Wait4(c.pid, &status, 0, &usage); err != unix.EINTR {
			break
		}
	}
	_ = unix.Close(c.pidfd)
	e := &Exit{
		Code: status.ExitStatus(), CPU: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		PeakBytes: uint64(max(usage.Maxrss, 0)) << 10,
	}
	if status.Signaled() {
		e.Signal = status.Signal()
	}
	return e
}

// guarded is a program with what watches it.
type guarded struct {
	child
	memory   gauge
	scratch  *scratchWatch // nil where a file system bounds the scratch directory
	exceeded atomic.Pointer[string]
	leaf     *cgroup.Leaf
	monitor  *seccomp.Monitor
	cause    chan string // the call that the program was ended for
	confined bool        // it runs beside the host, which hides
}

// kill looks at the program for the last time and ends it.
func (g *guarded) kill() {
	g.memory.read()
	g.child.kill()
}

// reap takes the program out of the table and asks its watchers what it did. The
// kernel counts the memory that a process had before exec, and that was ours.
func (g *guarded) reap() *Exit {
	peak := g.memory.stop()
	g.scratch.end()
	e := g.child.reap()
	if limit := g.exceeded.Load(); limit != nil && e.Signal == unix.SIGKILL {
		e.Exceeded = *limit
	}
	if e.PeakBytes <= g.memory.floor {
		e.PeakBytes = peak
	}
	if g.monitor != nil {
		g.monitor.Close()
	}
	if g.leaf != nil {
		g.account(e)
	}
	select {
	case e.Call = <-g.cause:
	default:
		if e.Signal == unix.SIGSYS {
			e.Call = "a system call of another architecture"
		}
	}
	if g.confined {
		hidden.confine(-1)
	}
	return e
}

// account adds what the control group knows, and removes it.
func (g *guarded) account(e *Exit) {
	_ = g.leaf.Kill()
	_ = g.leaf.Remove()
	u := g.leaf.Usage()
	e.OutOfMemory = u.OOMKills > 0 && e.Signal == unix.SIGKILL
	e.PeakBytes, e.CPU = max(e.PeakBytes, u.PeakBytes), max(e.CPU, u.CPU)
}

// adopt makes a process of a child that runs.
func (a *attempt) adopt(c child, m *mail) *Process {
	g := &guarded{child: c, leaf: a.leaf, cause: make(chan string, 1), confined: a.level > None && !a.walls.spaced()}
	if g.confined {
		hidden.confine(1)
	}
	p := &Process{started: g, pid: g.pid, dir: a.directory(m), release: a.release, done: make(chan struct{})}
	g.watch(a, p)
	if m.listener != nil {
		g.monitor = seccomp.Watch(m.listener, seccomp.Options{Strict: a.spec.Strict, Touched: a.touched(), Exec: a.spec.grants(Exec), Kill: func(call string) {
			select {
			case g.cause <- call:
			default:
			}
			p.Kill()
		}})
		p.denials = func() []Denial { return denials(g.monitor) }
	}
	p.begin()
	return p
}

// watch begins to look for what the kernel does not limit.
func (g *guarded) watch(a *attempt, p *Process) {
	end := func(limit string) func() {
		return func() {
			g.exceeded.CompareAndSwap(nil, &limit)
			p.Kill()
		}
	}
	g.memory.limit, g.memory.over = a.privateLimit(), end("memory")
	g.memory.held = heldWatch{limit: a.heldLimit(), over: end("watches"), sight: a.onlooker()}
	g.memory.start(g.pid)
	g.scratch = a.watchScratch(g.pid, end("scratch"))
}

// directory names the private directory from both sides. The launch has handed a
// descriptor over if it made the directory.
func (a *attempt) directory(m *mail) directory {
	if a.dir == "" {
		return directory{}
	}
	d := directory{socket: a.socketDir(), file: m.directory}
	if d.file == nil && !a.walls.mount { // in a private root the name is another directory's here
		fd, err := unix.Open(a.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			d.file = os.NewFile(uintptr(fd), a.dir)
		}
	}
	return d
}
