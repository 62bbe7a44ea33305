// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

var linuxDescriptors = []Attack{
	{Name: "inherited", Area: "descriptors", Aim: "find a descriptor that the host forgot to close", try: inherited},
	{Name: "socket-pass", Area: "descriptors", Aim: "open a socket to a directory outside through a descriptor", try: openOutside},
	{Name: "sealed-write", Area: "descriptors", Aim: "write to memory that was shared for reading", try: sealedWrite},
	{Name: "sealed-map", Area: "descriptors", Aim: "map memory that was shared for reading as writable", try: sealedMap},
	{Name: "sealed-reopen", Area: "descriptors", Aim: "open memory that was shared for reading once more, for writing", try: sealedReopen},
	{Name: "sealed-resize", Area: "descriptors", Aim: "cut shared memory short under the host's hands", try: sealedResize},
	{Name: "sealed-seal", Area: "descriptors", Aim: "add a seal to shared memory", try: sealedSeal},
	{Name: "tty-inject", Area: "descriptors", Aim: "type into the user's terminal", try: ttyInject},
}

// inherited looks for open descriptors that are neither standard streams, nor
// granted, nor the runtime's own.
func inherited(s *Scene) Outcome {
	for fd := 3; fd < 1024; fd++ {
		if fd == s.SealedFD {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || ours(fd, st) {
			continue
		}
		return Outcome{true, fmt.Sprintf("descriptor %d is open, mode %o", fd, st.Mode)}
	}
	return missed("none")
}

// ours tells the runtime's own descriptors, which are close-on-exec, and were
// opened after the start.
func ours(fd int, _ unix.Stat_t) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC != 0
}

func openOutside(s *Scene) Outcome {
	fd, err := unix.Openat2(unix.AT_FDCWD, s.Open, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY})
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	file, err := unix.Openat(fd, "hit-by-descriptor", unix.O_CREAT|unix.O_WRONLY, 0o600)
	if err == nil {
		_ = unix.Close(file)
	}
	return attempt(err, "wrote into "+s.Open)
}

// sealed runs an attack on the shared memory if there is one.
func sealed(s *Scene, try func(fd int) Outcome) Outcome {
	if s.SealedFD == 0 {
		return missed("nothing is shared")
	}
	return try(s.SealedFD)
}

func sealedWrite(s *Scene) Outcome {
	return sealed(s, func(fd int) Outcome {
		_, err := unix.Pwrite(fd, []byte("x"), 0)
		return attempt(err, "wrote to it")
	})
}

func sealedMap(s *Scene) Outcome {
	return sealed(s, func(fd int) Outcome {
		_, shared := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		view, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return missed(plain(err))
		}
		return attempts(attempt(shared, "mapped it writable"), attempt(unix.Mprotect(view, unix.PROT_READ|unix.PROT_WRITE), "made it writable"))
	})
}

func sealedReopen(s *Scene) Outcome {
	return sealed(s, func(fd int) Outcome {
		var ways []Outcome
		for _, dir := range []string{"/proc/self/fd/", "/dev/fd/", "/proc/thread-self/fd/"} {
			f, err := os.OpenFile(dir+strconv.Itoa(fd), os.O_RDWR, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("x"), 0)
			}
			ways = append(ways, attempt(err, "wrote to it"))
		}
		return attempts(ways...)
	})
}

func sealedResize(s *Scene) Outcome {
	return sealed(s, func(fd int) Outcome {
		return attempts(
			attempt(unix.Ftruncate(fd, 0), "cut it"), attempt(unix.Ftruncate(fd, 1<<30), "grew it"),
			attempt(unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, 0, 4096), "punched a hole into it"),
		)
	})
}

func sealedSeal(s *Scene) Outcome {
	return sealed(s, func(fd int) Outcome {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE)
		return attempt(err, "sealed it")
	})
}

func ttyInject(*Scene) Outcome {
	var ways []Outcome
	for _, name := range []string{"/dev/tty", "/dev/console", "/dev/pts/0"} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			ways = append(ways, missed(plain(err)))
			continue
		}
		ways = append(ways, attempt(unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSTI, 'x'), "typed into "+name))
		_ = f.Close()
	}
	if slices.ContainsFunc(ways, func(o Outcome) bool { return o.Hit }) {
		return attempts(ways...)
	}
	return attempts(append(ways, attempt(unix.IoctlSetPointerInt(2, unix.TIOCSTI, 'x'), "typed into standard error"))...)
}
