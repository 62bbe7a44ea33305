// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var linuxBombs = []Attack{
	{Name: "fork-bomb", Area: "resources", Aim: "make 300 processes", try: forkBomb},
	{Name: "thread-bomb", Area: "resources", Aim: "make 2,000 threads", try: threadBomb},
	{Name: "shared-memory-bomb", Area: "resources", Aim: "use 2 GiB of memory that no limit counts", try: sharedBomb},
	{Name: "zero-memory-bomb", Area: "resources", Aim: "use 2 GiB of memory as a mapping of /dev/zero", try: zeroBomb},
	{Name: "stack-memory-bomb", Area: "resources", Aim: "use 2 GiB of memory as a stack", try: stackBomb},
	{Name: "pipe-bomb", Area: "resources", Aim: "fill the buffers of 2,000 pipes", try: pipeBomb},
	{Name: "signal-bomb", Area: "resources", Aim: "queue 10,000 signals", try: signalBomb},
	{Name: "core-dump", Area: "resources", Aim: "leave its memory in a core file", try: coreDump},
}

// forkBomb makes children that wait a little and end.
func forkBomb(*Scene) Outcome {
	for n := range 300 {
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			return missed(fmt.Sprintf("%d processes, then %s", n, errno))
		}
		if pid == 0 {
			wait := unix.Timespec{Sec: 2}
			_, _, _ = syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&wait)), 0, 0)
			_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	return Outcome{true, "made 300 processes"}
}

// threadBomb ends with the process when the runtime can make no more threads.
func threadBomb(*Scene) Outcome {
	for range 2000 {
		started := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(started)
			time.Sleep(time.Minute)
		}()
		<-started
	}
	return Outcome{true, "made 2,000 threads"}
}

func sharedBomb(*Scene) Outcome {
	return fill(unix.Mmap(-1, 0, 2<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS))
}

func zeroBomb(*Scene) Outcome {
	f, err := os.OpenFile("/dev/zero", os.O_RDWR, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	return fill(unix.Mmap(int(f.Fd()), 0, 2<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))
}

func stackBomb(*Scene) Outcome {
	return fill(unix.Mmap(-1, 0, 2<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN|unix.MAP_NORESERVE))
}

// fill uses every page of a mapping.
func fill(block []byte, err error) Outcome {
	if err != nil {
		return missed(plain(err))
	}
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return Outcome{true, "used 2 GiB"}
}

func pipeBomb(*Scene) Outcome {
	for n := range 2000 {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_NONBLOCK); err != nil {
			return missed(fmt.Sprintf("%d pipes, then %s", n, plain(err)))
		}
		_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, 1<<20)
		_, _ = unix.Write(fds[1], make([]byte, 1<<20))
	}
	return Outcome{true, "filled 2,000 pipes"}
}

// signalBomb queues them to a thread that blocks them. Another thread of the
// process would take them as fast as they come.
func signalBomb(*Scene) Outcome {
	runtime.LockOSThread()
	set := unix.Sigset_t{Val: [16]uint64{^uint64(0)}}
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&set)), 0, 8, 0, 0)
	const signal = 40 // of those that are queued
	var info [128]byte
	*(*int32)(unsafe.Pointer(&info[0])) = signal
	*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
	process, thread := uintptr(unix.Getpid()), uintptr(unix.Gettid())
	for n := range 10_000 {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, process, thread, signal, uintptr(unsafe.Pointer(&info)), 0, 0)
		if errno != 0 {
			return missed(fmt.Sprintf("%d signals, then %s", n, errno))
		}
	}
	return Outcome{true, "queued 10,000 signals"}
}

// coreDump is a hit when a core file may be written, or when the machine's own
// collector of core files may be started: the kernel pipes a core to it whatever
// the limit, unless that is one byte.
func coreDump(*Scene) Outcome {
	var before, now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		return missed(plain(err))
	}
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &now); err != nil {
		return missed(plain(err))
	}
	switch {
	case before.Max > 1:
		return Outcome{true, "a core file may be written beside " + filepath.Join(scratch(), "core")}
	case before.Max == 1 && now.Max == 0:
		return Outcome{true, "its core may be given to the machine's collector"}
	}
	return missed("core files are off")
}
