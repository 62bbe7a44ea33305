// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

var linuxKernel = []Attack{
	{Name: "bpf", Area: "kernel", Aim: "load a program into the kernel", try: loadBPF},
	{Name: "perf", Area: "kernel", Aim: "watch the machine with performance counters", try: perf},
	{Name: "io-uring", Area: "kernel", Aim: "make system calls behind the filter's back", try: ioUring},
	{Name: "userfaultfd", Area: "kernel", Aim: "stop the kernel in the middle of a copy", try: call(unix.SYS_USERFAULTFD, 1)},
	{Name: "keyring", Area: "kernel", Aim: "store or read keys of the user", try: keyring},
	{Name: "kernel-log", Area: "kernel", Aim: "read the kernel's log", try: kernelLog},
	{Name: "module", Area: "kernel", Aim: "load a kernel module", try: call(unix.SYS_INIT_MODULE, 0, 0, 0)},
	{Name: "kexec", Area: "kernel", Aim: "start another kernel", try: call(unix.SYS_KEXEC_LOAD, 0, 1<<20, 0, 0)},
	{Name: "reboot", Area: "kernel", Aim: "restart the machine", try: call(unix.SYS_REBOOT, 0, 0, 0)},
	{Name: "swap", Area: "kernel", Aim: "add swap space", try: absentFile(unix.SYS_SWAPON)},
	{Name: "host-name", Area: "kernel", Aim: "change the machine's name", try: hostName},
	{Name: "clock", Area: "kernel", Aim: "set the machine's clock", try: setClock},
	{Name: "accounting", Area: "kernel", Aim: "redirect process accounting", try: absentFile(unix.SYS_ACCT)},
	{Name: "fanotify", Area: "kernel", Aim: "watch every file of the machine", try: fanotify},
	{Name: "inotify", Area: "kernel", Aim: "use up the user's file watches", try: inotify},
	{Name: "system-v", Area: "kernel", Aim: "share memory with processes outside", try: systemV},
	{Name: "message-queue", Area: "kernel", Aim: "make a message queue", try: messageQueue},
	{Name: "memory-file-exec", Area: "kernel", Aim: "run a program from memory", try: memoryExec},
	{Name: "personality", Area: "kernel", Aim: "switch address randomisation off", try: personality},
	{Name: "foreign-abi", Area: "kernel", Aim: "make a call of another architecture", try: foreignABI},
	{Name: "descriptor-table", Area: "kernel", Aim: "change the processor's segment table", try: segmentTable},
	{Name: "ports", Area: "kernel", Aim: "reach the processor's ports", try: ports},
	{Name: "move-pages", Area: "kernel", Aim: "move pages of another process", try: movePages},
	{Name: "kcmp", Area: "kernel", Aim: "compare kernel objects of other processes", try: compare},
	{Name: "quota", Area: "kernel", Aim: "change disk quotas", try: quota},
	{Name: "new-call", Area: "kernel", Aim: "make a call that is newer than the filter", try: newCall},
}

// allowed is a hit unless the kernel refused for want of permission, or knows no
// such call here. Any other error comes from behind the wall.
func allowed(errno unix.Errno) Outcome {
	switch errno {
	case unix.EPERM, unix.EACCES, unix.ENOSYS:
		return missed(errno.Error())
	case 0:
		return Outcome{true, "the call worked"}
	}
	return Outcome{true, "the kernel listened: " + errno.Error()}
}

// call makes a call whose arguments do no harm where it is allowed.
func call(number uintptr, arguments ...uintptr) func(*Scene) Outcome {
	var a [6]uintptr
	copy(a[:], arguments)
	return func(*Scene) Outcome {
		_, _, errno := unix.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		return allowed(errno)
	}
}

func loadBPF(*Scene) Outcome {
	attr := [16]uint64{0: 2 | 4<<32, 1: 4 | 1<<32} // an array map of one entry
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr)), 72)
	return allowed(errno)
}

func perf(*Scene) Outcome {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return attempt(err, "counts events")
}

func ioUring(*Scene) Outcome {
	var parameters [120]byte
	fd, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 1, pointer(parameters[:]), 0)
	if errno == 0 {
		_ = unix.Close(int(fd))
	}
	return allowed(errno)
}

func keyring(*Scene) Outcome {
	_, err := unix.AddKey("user", "bulkhead-attack", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
	_, id := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	return attempts(attempt(err, "stored a key"), attempt(id, "found the session's keys"))
}

func kernelLog(*Scene) Outcome {
	n, err := unix.Klogctl(3, make([]byte, 4096))
	if err == nil && n == 0 {
		return missed("empty")
	}
	return attempt(err, "read the kernel's log")
}

// absentFile makes a call on a file that does not exist.
func absentFile(number uintptr) func(*Scene) Outcome {
	return func(*Scene) Outcome {
		name := []byte("/no/such/file\x00")
		_, _, errno := unix.RawSyscall(number, pointer(name), 0, 0)
		return allowed(errno)
	}
}

func hostName(*Scene) Outcome {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return missed(plain(err))
	}
	return attempt(unix.Sethostname([]byte(unix.ByteSliceToString(u.Nodename[:]))), "set the name")
}

func setClock(*Scene) Outcome {
	_, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &unix.Timex{Modes: unix.ADJ_NANO})
	return attempt(err, "set a mode of the clock")
}

func fanotify(*Scene) Outcome {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF, unix.O_RDONLY)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	return attempt(unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, unix.FAN_OPEN, unix.AT_FDCWD, "/"), "watches every file")
}

func inotify(*Scene) Outcome {
	fd, err := unix.InotifyInit()
	if err == nil {
		_ = unix.Close(fd)
	}
	return attempt(err, "has a watch")
}

func systemV(*Scene) Outcome {
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
	if err == nil {
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	}
	return attempt(err, "made shared memory")
}

func messageQueue(*Scene) Outcome {
	name := []byte("bulkhead-attack\x00")
	fd, _, errno := unix.RawSyscall6(unix.SYS_MQ_OPEN, pointer(name), unix.O_CREAT|unix.O_RDWR, 0o600, 0, 0, 0)
	if errno == 0 {
		_ = unix.Close(int(fd))
		_, _, _ = unix.RawSyscall(unix.SYS_MQ_UNLINK, pointer(name), 0, 0)
	}
	return allowed(errno)
}

// memoryExec runs the smallest script that a kernel would look at.
func memoryExec(*Scene) Outcome {
	fd, err := unix.MemfdCreate("x", 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	_, _ = unix.Write(fd, []byte("not a program"))
	empty := []byte{0}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), pointer(empty), 0, 0, unix.AT_EMPTY_PATH, 0)
	return allowed(errno)
}

func personality(*Scene) Outcome {
	const noRandomize = 0x0040000
	_, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, noRandomize, 0, 0)
	return allowed(errno)
}

// foreignABI makes getpid with the bit of x32 where that exists.
func foreignABI(*Scene) Outcome {
	const x32 = 0x40000000
	if runtime.GOARCH != "amd64" {
		return missed("this processor has no other architecture")
	}
	_, _, errno := unix.RawSyscall(x32|unix.SYS_GETPID, 0, 0, 0)
	return allowed(errno)
}

func movePages(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_MIGRATE_PAGES, uintptr(s.VictimPID), 0, 0, 0, 0, 0)
	return allowed(errno)
}

func compare(s *Scene) Outcome {
	if absent(s) {
		return missed("no victim in sight")
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_KCMP, uintptr(s.HostPID), uintptr(s.VictimPID), 1, 0, 0, 0)
	return allowed(errno)
}

func quota(*Scene) Outcome {
	_, _, errno := unix.RawSyscall6(unix.SYS_QUOTACTL, 0x800003<<8, 0, 0, 0, 0, 0) // Q_QUOTAOFF of no device
	return allowed(errno)
}

func newCall(*Scene) Outcome {
	const notYet = 1 << 12
	_, _, errno := unix.RawSyscall(notYet, 0, 0, 0)
	return allowed(errno)
}
