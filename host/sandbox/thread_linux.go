// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// maxForkThreads bounds how many launches are between fork and exec at a time.
const maxForkThreads = 4

// forkThreads are threads that live as long as the process. The kernel sends the
// parent-death signal when the thread that forked ends, and Go ends threads as
// it likes.
var forkThreads = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	for range min(maxForkThreads, runtime.NumCPU()) {
		go func() {
			runtime.LockOSThread()
			for job := range jobs {
				job()
			}
		}()
	}
	return jobs
})

// onForkThread runs a start on a thread that never ends.
func onForkThread(start func() error) error {
	result := make(chan error, 1)
	forkThreads() <- func() { result <- start() }
	return <-result
}

// nullDevice is /dev/null, opened once.
var nullDevice = sync.OnceValue(func() *os.File {
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return os.NewFile(^uintptr(0), os.DevNull) // the launch fails with EBADF
	}
	return f
})

func orNull(f *os.File) *os.File {
	if f == nil {
		return nullDevice()
	}
	return f
}

// selfHandle is a pidfd of the host, by which a launch sees whether it lives.
var selfHandle = sync.OnceValues(func() (*os.File, error) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "host"), nil
})

// hiding makes the memory of the host unreadable to programs of the same uid that
// are confined without namespaces, while any runs. It is lifted during launches:
// the memory of a launching child is the host's own, and the kernel keeps such a
// child from its own files in /proc.
type hiding struct {
	mu        sync.Mutex
	original  int // what the host had
	confined  int // programs that run beside the host
	launching int
}

var hidden hiding

// begin comes before a fork.
func (h *hiding) begin() { h.change(0, 1) }

// end comes after exec. A change of credentials in the child, which shares our
// memory, has switched the setting off.
func (h *hiding) end() { h.change(0, -1) }

// confine counts programs that run beside the host.
func (h *hiding) confine(by int) { h.change(by, 0) }

func (h *hiding) change(confined, launching int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.confined == 0 && h.launching == 0 {
		h.original, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	}
	h.confined += confined
	h.launching += launching
	value := h.original
	if h.confined > 0 && h.launching == 0 {
		value = 0
	}
	if value <= 1 { // 2 cannot be set by a process
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, uintptr(value), 0, 0, 0)
	}
}
