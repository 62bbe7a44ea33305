// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// worker makes calls on a thread of its own.
type worker struct {
	rounds chan func()
	done   chan struct{}
}

// newWorker starts a thread behind the filter, if there is one. The thread ends
// with its goroutine, since it is never unlocked.
func newWorker(b *testing.B, p *Policy) *worker {
	w := &worker{make(chan func()), make(chan struct{})}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		if p != nil {
			err = install(*p)
		}
		failed <- err
		for round := range w.rounds {
			round()
			w.done <- struct{}{}
		}
	}()
	if err := <-failed; err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { close(w.rounds) })
	return w
}

// time is how long n calls took.
func (w *worker) time(n int, call func()) time.Duration {
	var took time.Duration
	w.rounds <- func() {
		begin := time.Now()
		for range n {
			call()
		}
		took = time.Since(begin)
	}
	<-w.done
	return took
}

// BenchmarkCall compares calls on a thread with the filter and on one without,
// turn by turn: free ones, which the kernel remembers, and two whose arguments
// the filter looks at.
func BenchmarkCall(b *testing.B) {
	zero, err := os.Open("/dev/zero")
	if err != nil {
		b.Skip(err)
	}
	defer zero.Close()
	fd, one := int(zero.Fd()), make([]byte, 1)
	bare, filtered := newWorker(b, nil), newWorker(b, &Policy{})
	for _, c := range []struct {
		name string
		call func()
	}{
		{"getppid", func() { _, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) }},
		{"read", func() { _, _ = unix.Read(fd, one) }},
		{"fcntl", func() { _, _, _ = unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0) }},
		{"ioctl", func() { _, _, _ = unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGWINSZ, 0) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			const calls = 2000
			least := [2]time.Duration{time.Hour, time.Hour}
			for b.Loop() {
				least[0] = min(least[0], bare.time(calls, c.call))
				least[1] = min(least[1], filtered.time(calls, c.call))
			}
			b.ReportMetric(float64(least[0].Nanoseconds())/calls, "ns/bare")
			b.ReportMetric(float64(least[1].Nanoseconds())/calls, "ns/filtered")
			b.ReportMetric(float64(least[1])/float64(least[0]), "ratio")
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	a, err := host()
	if err != nil {
		b.Skip(err)
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			Policy{Notify: true}.assemble(a)
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			_, _ = Policy{Notify: true}.Filter()
		}
	})
}
