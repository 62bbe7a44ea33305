// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// maxNotifications is how many refused calls one monitor takes. Each costs the
// host some ten microseconds, so that a flood costs some ten milliseconds in all.
const maxNotifications = 1000

// Options says what a monitor does beyond counting.
type Options struct {
	// Strict ends the program at its first refused call, whichever it is. Python
	// programs make some in good faith, such as connect to the name service
	// cache; programs whose calls are known make none.
	Strict bool
	// Kill ends the program for the named call; it is called once at most, from a
	// goroutine of the monitor, and should not wait for the end. With nil no call
	// ends the program.
	Kill func(call string)
	// Touched is told of each use of a file's name by a program whose filter traces,
	// in the order of the calls, before they are carried out; the program waits
	// meanwhile. It is called from a goroutine of the monitor.
	Touched func(Touch)
	// Exec says that a traced program may start others; else it is refused that, and
	// Touched told which.
	Exec bool
}

// Denial counts what a program was refused.
type Denial struct {
	Call  string // name of the system call
	Count int    // at least; see [Monitor.Denials]
}

// Monitor counts and answers the refused calls of one program and its children.
type Monitor struct {
	options  Options
	listener *os.File
	arch     *arch
	left     int // notifications still to be taken
	touches  int // that Touched was told of, and those beyond its bound
	root     *os.File

	mu      sync.Mutex
	denials []Denial // in order of first appearance

	done chan struct{}
}

// Watch takes the listener over, the descriptor that installing a filter with
// Notify gave, and answers until the program and its children have ended,
// [Monitor.Close] is called or the program has made 1000 refused calls. From
// then on the kernel answers every refused call with ENOSYS, and no call ends
// the program any more.
//
// A monitor of an idle program holds a goroutine and no thread. The listener
// file must not be used afterwards.
func Watch(listener *os.File, o Options) *Monitor {
	a, _ := host() // a listener exists, so there is a filter and a table
	m := &Monitor{options: o, arch: a, left: maxNotifications, done: make(chan struct{})}
	f, err := pollable(listener)
	m.listener = f
	if err != nil {
		_ = listener.Close() // refused calls get ENOSYS
		close(m.done)
		return m
	}
	go m.watch()
	return m
}

// pollable hands the descriptor of a file over to a new one that waits in the
// runtime's poller and not in a thread.
func pollable(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	duplicate := -1
	var failure error
	err = raw.Control(func(fd uintptr) {
		duplicate, failure = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil || failure != nil {
		return nil, errors.Join(err, failure)
	}
	if err := unix.SetNonblock(duplicate, true); err != nil {
		_ = unix.Close(duplicate)
		return nil, err
	}
	_ = f.Close()
	return os.NewFile(uintptr(duplicate), "seccomp listener"), nil
}

// watch runs until nothing more is to be answered. Closing the listener answers
// with ENOSYS whatever was left.
func (m *Monitor) watch() {
	defer close(m.done)
	defer m.listener.Close()
	defer m.leaveRoot()
	raw, err := m.listener.SyscallConn()
	if err != nil {
		return
	}
	ended := false
	_ = raw.Read(func(fd uintptr) bool {
		for {
			pending, over := notified(int(fd))
			switch {
			case ended || !pending:
				return over // else wait for more
			case m.left == 0 && m.options.Touched == nil:
				return true
			}
			m.left = max(m.left-1, 0)
			ended = m.next(int(fd))
		}
	})
}

// next takes one notification, and answers it unless it ends the program: then
// the call must not return before the program is gone.
func (m *Monitor) next(fd int) (ended bool) {
	n, err := receive(fd)
	if err != nil { // ENOENT: its caller was killed, or interrupted and will call again
		return !errors.Is(err, unix.ENOENT)
	}
	name := m.arch.callName(int(n.data.number))
	if m.observes(fd, &n, name) {
		return false
	}
	v := standing(name)
	if m.options.Kill != nil && (v.effect == fatal || m.options.Strict) {
		m.count(name)
		m.options.Kill(name)
		return true
	}
	if answer(fd, n.id, v.errno) == nil {
		m.count(name)
	}
	return false
}

func (m *Monitor) count(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.denials {
		if m.denials[i].Call == name {
			m.denials[i].Count++
			return
		}
	}
	m.denials = append(m.denials, Denial{name, 1})
}

// leaveRoot closes what a trace opened.
func (m *Monitor) leaveRoot() {
	if m.root != nil {
		_ = m.root.Close()
	}
}

// Denials lists the refused calls so far, in the order of their first
// appearance. The counts are exact below 1000 in all and mean "at least" from
// there on. Calls that libraries make in good faith at every start, such as
// clone3, are refused by the kernel itself and not listed.
func (m *Monitor) Denials() []Denial {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Denial(nil), m.denials...)
}

// Close stops the monitor and waits until it has stopped, Kill included. A call
// of the program that is still unanswered returns ENOSYS, so a program that
// should end must be dead before. It may be called any number of times.
func (m *Monitor) Close() {
	if m.listener != nil {
		_ = m.listener.Close()
	}
	<-m.done
}
