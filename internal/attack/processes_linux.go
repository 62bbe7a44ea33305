// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

var linuxProcesses = []Attack{
	{Name: "host-environ", Area: "processes", Aim: "read the host's environment", try: hostEnviron},
	{Name: "host-cmdline", Area: "processes", Aim: "read the host's command line", try: hostCmdline},
	{Name: "host-memory", Area: "processes", Aim: "read the host's memory as a file", try: hostMemory},
	{Name: "host-descriptors", Area: "processes", Aim: "open the host's descriptors", try: hostDescriptors},
	{Name: "list-processes", Area: "processes", Aim: "see which processes run", try: listProcesses},
	{Name: "kill-victim", Area: "processes", Aim: "end another process of the user", try: killVictim},
	{Name: "tgkill-victim", Area: "processes", Aim: "signal a thread of another process", try: tgkillVictim},
	{Name: "queue-victim", Area: "processes", Aim: "queue a signal to another process", try: queueVictim},
	{Name: "pidfd-victim", Area: "processes", Aim: "signal another process through a descriptor", try: pidfdVictim},
	{Name: "fcntl-owner", Area: "processes", Aim: "have the kernel send signals to another process", try: fcntlOwner},
	{Name: "ptrace-victim", Area: "processes", Aim: "take control of another process", try: ptraceVictim},
	{Name: "steal-descriptor", Area: "processes", Aim: "take a descriptor out of another process", try: stealDescriptor},
	{Name: "read-victim", Area: "processes", Aim: "read the memory of another process", try: readVictim},
	{Name: "write-victim", Area: "processes", Aim: "write the memory of another process", try: writeVictim},
	{Name: "limit-victim", Area: "processes", Aim: "change the limits of another process", try: limitVictim},
	{Name: "nice-victim", Area: "processes", Aim: "change the priority of another process", try: niceVictim},
	{Name: "affinity-victim", Area: "processes", Aim: "move another process to other processors", try: affinityVictim},
	{Name: "outlive-host", Area: "processes", Aim: "switch the parent-death signal off", try: outliveHost},
	{Name: "daemon", Area: "processes", Aim: "leave a child that outlives it", try: daemon},
	{Name: "vfork", Area: "processes", Aim: "make a child process", try: vfork},
	{Name: "exec-by-path", Area: "processes", Aim: "become a shell by the call that ends a launch", try: execByPath},
}

// peek tries to open a file of the host's in /proc.
func peek(s *Scene, name string) Outcome {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", s.HostPID, name))
	if err == nil {
		_ = f.Close()
	}
	return attempt(err, "opened it")
}

func hostEnviron(s *Scene) Outcome {
	var ways []Outcome
	for _, pid := range []int{s.HostPID, s.VictimPID, os.Getppid()} {
		if pid != os.Getpid() {
			ways = append(ways, see(s, fmt.Sprintf("/proc/%d/environ", pid)))
		}
	}
	return attempts(ways...)
}

func hostMemory(s *Scene) Outcome { return peek(s, "mem") }

func hostCmdline(s *Scene) Outcome {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.HostPID))
	if err == nil && os.Getpid() == s.HostPID {
		return missed("only its own")
	}
	return attempt(err, fmt.Sprintf("read %d bytes", len(text)))
}

func hostDescriptors(s *Scene) Outcome {
	if os.Getpid() == s.HostPID {
		return missed("only its own")
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.HostPID))
	return attempt(err, fmt.Sprintf("listed %d descriptors", len(entries)))
}

func listProcesses(*Scene) Outcome {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return missed(plain(err))
	}
	for _, e := range entries {
		if name := e.Name(); strings.Trim(name, "0123456789") == "" && name != fmt.Sprint(os.Getpid()) {
			return Outcome{true, "saw process " + name}
		}
	}
	return missed("only its own")
}

// absent says whether the victim cannot even be named: the program is alone.
func absent(s *Scene) bool { return s.VictimPID == 0 || s.VictimPID == os.Getpid() }

func killVictim(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	return attempt(unix.Kill(s.VictimPID, unix.SIGUSR1), "signalled the victim")
}

func tgkillVictim(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	_, _, tk := unix.RawSyscall(unix.SYS_TKILL, uintptr(s.VictimPID), uintptr(unix.SIGUSR1), 0)
	return attempts(
		attempt(unix.Tgkill(s.VictimPID, s.VictimPID, unix.SIGUSR1), "signalled a thread"),
		attempt(failure(tk), "signalled a thread"),
	)
}

func queueVictim(s *Scene) Outcome {
	var info [128]byte
	*(*int32)(unsafe.Pointer(&info[0])) = int32(unix.SIGUSR1)
	*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
	_, _, errno := unix.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(s.VictimPID), uintptr(unix.SIGUSR1), uintptr(unsafe.Pointer(&info)))
	if absent(s) {
		return missed("no victim in sight")
	}
	return attempt(failure(errno), "queued a signal")
}

func pidfdVictim(s *Scene) Outcome {
	fd, err := unix.PidfdOpen(s.VictimPID, 0)
	if err != nil || absent(s) {
		return missed("no victim in sight")
	}
	return attempt(unix.PidfdSendSignal(fd, unix.SIGUSR1, nil, 0), "signalled the victim")
}

func fcntlOwner(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return missed(plain(err))
	}
	_, owner := unix.FcntlInt(uintptr(fds[0]), unix.F_SETOWN, s.VictimPID)
	return attempt(owner, "made the victim an owner")
}

func ptraceVictim(s *Scene) Outcome {
	if err := unix.PtraceSeize(s.VictimPID); err != nil {
		return missed(plain(err))
	}
	return Outcome{true, "attached to the victim"}
}

func stealDescriptor(s *Scene) Outcome {
	for _, pid := range []int{s.VictimPID, s.HostPID} {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if _, err := unix.PidfdGetfd(fd, 1, 0); err == nil {
			return Outcome{true, "took a descriptor"}
		}
	}
	return missed("none could be had")
}

func readVictim(s *Scene) Outcome  { return access(s, unix.SYS_PROCESS_VM_READV) }
func writeVictim(s *Scene) Outcome { return access(s, unix.SYS_PROCESS_VM_WRITEV) }

// access moves a byte between this and the victim's memory. An address that is
// not mapped there still shows that the call was allowed.
func access(s *Scene, call uintptr) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	var b [1]byte
	local := unix.Iovec{Base: &b[0], Len: 1}
	_, _, errno := unix.RawSyscall6(call, uintptr(s.VictimPID), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&local)), 1, 0)
	if errno == unix.EFAULT {
		errno = 0
	}
	return attempt(failure(errno), "reached the victim's memory")
}

func limitVictim(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	var now unix.Rlimit
	if err := unix.Prlimit(s.VictimPID, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		return missed(plain(err))
	}
	return attempt(unix.Prlimit(s.VictimPID, unix.RLIMIT_NOFILE, &now, nil), "set a limit of the victim")
}

func niceVictim(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	return attempt(unix.Setpriority(unix.PRIO_PROCESS, s.VictimPID, 19), "slowed the victim")
}

func affinityVictim(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	var cpus unix.CPUSet
	cpus.Set(0)
	return attempt(unix.SchedSetaffinity(s.VictimPID, &cpus), "moved the victim")
}

func outliveHost(*Scene) Outcome {
	var signal int
	_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0)
	return attempt(failure(errno), "will outlive the host")
}

func daemon(*Scene) Outcome { return fork(uintptr(unix.SIGCHLD)) }
func vfork(*Scene) Outcome {
	return attempts(fork(uintptr(unix.SIGCHLD)|unix.CLONE_UNTRACED), fork(0))
}

// fork makes a child that ends at once.
func fork(flags uintptr) Outcome {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return attempt(failure(errno), "made a child")
}

// execByPath names a program by its path where the filter expects the empty one.
// Whatever the number of the launch's descriptor was, an absolute path does not
// need it.
func execByPath(*Scene) Outcome {
	path, argument := []byte("/bin/sh\x00"), []byte("-c\x00")
	script := []byte("echo '{\"hit\":true,\"detail\":\"became a shell\"}'\x00")
	argv := []uintptr{pointer(path), pointer(argument), pointer(script), 0}
	var errno unix.Errno
	for fd := uintptr(3); fd <= 512; fd++ {
		_, _, errno = unix.RawSyscall6(unix.SYS_EXECVEAT, fd, pointer(path), uintptr(unsafe.Pointer(&argv[0])), 0, unix.AT_EMPTY_PATH, 0)
		if errno != unix.EPERM {
			break
		}
	}
	return attempt(failure(errno), "became a shell")
}

// failure is nil for no errno, unlike a converted Errno.
func failure(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
