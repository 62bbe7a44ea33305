// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var deniable = map[string]uintptr{
	"socket": unix.SYS_SOCKET, "ptrace": unix.SYS_PTRACE, "setns": unix.SYS_SETNS,
	"io_uring_setup": unix.SYS_IO_URING_SETUP, "sync": unix.SYS_SYNC,
}

// deny makes the named calls ("socket:3") and prints what each gave.
func deny(args []string) int {
	for _, arg := range args {
		name, times, _ := strings.Cut(arg, ":")
		n, _ := strconv.Atoi(times)
		var errno unix.Errno
		for range n {
			_, _, errno = unix.Syscall(deniable[name], nowhere, nowhere, 0)
		}
		fmt.Printf("%s %v\n", name, errno)
	}
	return 0
}

func TestMonitorCountsAndAnswers(t *testing.T) {
	s := start(t, Policy{Notify: true}, Options{}, "deny", "self", "socket:3", "ptrace:2", "io_uring_setup:1", "socket:1")
	out := s.finish(t)
	want := "socket operation not permitted\nptrace operation not permitted\nio_uring_setup function not implemented\nsocket operation not permitted\n"
	if out != want {
		t.Errorf("the program was answered\n%s", out)
	}
	if got := fmt.Sprint(s.denials()); got != "[{socket 4} {ptrace 2} {io_uring_setup 1}]" {
		t.Errorf("counted %s", got)
	}
}

func TestMonitorEndsProgram(t *testing.T) {
	for _, c := range []struct {
		name    string
		strict  bool
		calls   []string
		ended   string
		printed string
	}{
		{"fatal call", false, []string{"socket:2", "ptrace:1", "setns:1"}, "ptrace", "socket operation not permitted\n"},
		{"strict", true, []string{"sync:1", "ptrace:1"}, "sync", ""},
		{"harmless", false, []string{"socket:1"}, "", "socket operation not permitted\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKiller()
			s := start(t, Policy{Notify: true}, Options{Strict: c.strict, Kill: k.kill}, "deny", append([]string{"self"}, c.calls...)...)
			k.attach(s)
			err := s.wait(t)
			if (c.ended != "") != (signalOf(err) == unix.SIGKILL) {
				t.Errorf("ended with %v", err)
			}
			if got := strings.Join(k.calls, " "); got != c.ended {
				t.Errorf("ended for %q, not %q", got, c.ended)
			}
			if got := s.out.String(); got != c.printed {
				t.Errorf("the program printed %q", got)
			}
			if c.ended != "" && count(s.denials(), c.ended) != 1 {
				t.Errorf("counted %v", s.denials())
			}
		})
	}
}

// crowd makes refused calls from many threads at once.
func crowd([]string) int {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			runtime.LockOSThread()
			for range 50 {
				_, _, _ = unix.Syscall(unix.SYS_SOCKET, nowhere, nowhere, 0)
				runtime.GC() // signals between threads interrupt calls
			}
		})
	}
	all.Wait()
	return 0
}

func TestMonitorCountsThreads(t *testing.T) {
	s := start(t, Policy{Notify: true}, Options{}, "crowd", "self")
	s.finish(t)
	if got := count(s.denials(), "socket"); got != 400 {
		t.Errorf("counted %d of 400", got)
	}
}

// TestMonitorBoundsFlood: what a flood costs the host ends with the listener.
func TestMonitorBoundsFlood(t *testing.T) {
	s := start(t, Policy{Notify: true}, Options{}, "deny", "self", "socket:200000")
	before := processorTime(t)
	out := s.finish(t)
	spent := processorTime(t) - before
	if got := count(s.denials(), "socket"); got != maxNotifications {
		t.Errorf("counted %d", got)
	}
	if out != "socket function not implemented\n" {
		t.Errorf("after the flood the kernel answers %q", out)
	}
	t.Logf("the flood cost the host %v", spent)
	if spent > 5*time.Second {
		t.Errorf("the flood cost the host %v", spent)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestIdleMonitors: monitors of programs that do nothing hold no threads, and
// leave nothing behind.
func TestIdleMonitors(t *testing.T) {
	start(t, Policy{Notify: true}, Options{}, "deny", "self").finish(t) // what a first start keeps
	goroutines, fds, threads := runtime.NumGoroutine(), entries(t, "/proc/self/fd"), entries(t, "/proc/self/task")
	const many = 24
	var all []*started
	for range many {
		all = append(all, start(t, Policy{Notify: true}, Options{}, "idle", "self"))
	}
	if got := entries(t, "/proc/self/task"); got > threads+many/2 {
		t.Errorf("%d threads became %d", threads, got)
	}
	for _, s := range all {
		_ = s.Process.Kill()
		_ = s.wait(t)
	}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if runtime.NumGoroutine() <= goroutines && entries(t, "/proc/self/fd") <= fds {
			break
		}
	}
	if got := runtime.NumGoroutine(); got > goroutines {
		t.Errorf("%d goroutines became %d", goroutines, got)
	}
	if got := entries(t, "/proc/self/fd"); got > fds {
		t.Errorf("%d descriptors became %d", fds, got)
	}
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestMonitorEndsByItself when the program and its filter are gone.
func TestMonitorEndsByItself(t *testing.T) {
	s := start(t, Policy{Notify: true}, Options{}, "deny", "self", "socket:1")
	_ = s.Wait()
	select {
	case <-s.monitor.done:
	case <-time.After(time.Minute):
		t.Fatal("the monitor still waits for a program that is gone")
	}
	s.monitor.Close()
	s.monitor.Close()
}

// TestCloseLeavesNoCallHanging: a program whose monitor is closed goes on.
func TestCloseLeavesNoCallHanging(t *testing.T) {
	s := start(t, Policy{Notify: true}, Options{}, "deny", "self", "socket:5000000")
	time.Sleep(10 * time.Millisecond)
	s.monitor.Close()
	if out := s.finish(t); out != "socket function not implemented\n" {
		t.Errorf("the kernel answered %q", out)
	}
}

// TestWatchOfNoListener: a descriptor that is no listener ends the monitor, now or
// when it is closed.
func TestWatchOfNoListener(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	file, err := os.CreateTemp(t.TempDir(), "f")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.WriteString("no notification")
	gone, _ := os.Open(file.Name())
	_ = gone.Close()
	for _, f := range []*os.File{r, file, gone} {
		m := Watch(f, Options{Strict: true, Kill: func(call string) { t.Errorf("ended for %q", call) }})
		m.Close()
		if len(m.Denials()) != 0 {
			t.Errorf("%s: refused %v", f.Name(), m.Denials())
		}
	}
}
