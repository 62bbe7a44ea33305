// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// try is one call with arguments that would do no harm even without a filter, and
// that the kernel itself would not answer with the errno that the filter gives.
type try struct {
	name  string
	nr    uintptr
	args  [6]uintptr
	plain unix.Errno            // what a program of the zero policy gets
	other map[string]unix.Errno // and of other policies, by name
}

const nowhere = ^uintptr(0) // no descriptor, no address, nobody's pid

var (
	word = []byte("/nowhere/at/all\x00")
	path = uintptr(unsafe.Pointer(&word[0]))
)

var tested = map[string]Policy{
	"plain":    {},
	"devices":  {Devices: true},
	"unspaced": {Unspaced: true},
	"exec":     {Exec: true},
	"sockets":  {Sockets: true},
}

func tries() []try {
	own := uintptr(os.Getpid())
	const upper = 1 << 40
	denied, gone, fine := unix.EPERM, unix.ENOSYS, unix.Errno(0)
	return []try{
		{"socket inet", unix.SYS_SOCKET, [6]uintptr{unix.AF_INET, unix.SOCK_STREAM}, denied, nil},
		{"socket inet6 datagram", unix.SYS_SOCKET, [6]uintptr{unix.AF_INET6, unix.SOCK_DGRAM}, denied, nil},
		{"socket netlink", unix.SYS_SOCKET, [6]uintptr{unix.AF_NETLINK, unix.SOCK_RAW}, denied, nil},
		{"socket vsock", unix.SYS_SOCKET, [6]uintptr{unix.AF_VSOCK, unix.SOCK_STREAM}, denied, nil},
		{"socket unix datagram", unix.SYS_SOCKET, [6]uintptr{unix.AF_UNIX, unix.SOCK_DGRAM}, denied, nil},
		{"connect", unix.SYS_CONNECT, [6]uintptr{nowhere}, denied, map[string]unix.Errno{"sockets": unix.EBADF}},
		{"bind", unix.SYS_BIND, [6]uintptr{nowhere}, unix.EBADF, nil},
		{"sendmmsg", unix.SYS_SENDMMSG, [6]uintptr{nowhere}, denied, nil},
		{"setsockopt filter", unix.SYS_SETSOCKOPT, [6]uintptr{nowhere, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER}, denied, nil},
		{"setsockopt buffer", unix.SYS_SETSOCKOPT, [6]uintptr{nowhere, unix.SOL_SOCKET, unix.SO_SNDBUF}, denied, nil},
		{"setsockopt timeout", unix.SYS_SETSOCKOPT, [6]uintptr{nowhere, unix.SOL_SOCKET, unix.SO_SNDTIMEO}, unix.EBADF, nil},
		{"sendto", unix.SYS_SENDTO, [6]uintptr{nowhere, path, 1, unix.MSG_NOSIGNAL}, unix.EBADF, nil},
		{"sendto urgent", unix.SYS_SENDTO, [6]uintptr{nowhere, path, 1, unix.MSG_NOSIGNAL | unix.MSG_OOB | upper}, denied, nil},
		{"sendmsg", unix.SYS_SENDMSG, [6]uintptr{nowhere, path, unix.MSG_NOSIGNAL}, unix.EBADF, nil},
		{"sendmsg urgent", unix.SYS_SENDMSG, [6]uintptr{nowhere, path, unix.MSG_OOB}, denied, nil},

		{"mmap shared", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANONYMOUS, nowhere}, denied, map[string]unix.Errno{"devices": fine}},
		{"mmap grows down", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN, nowhere}, denied, nil},
		{"mmap private", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, nowhere}, fine, nil},
		{"madvise", unix.SYS_MADVISE, [6]uintptr{1, 4096, unix.MADV_DONTNEED}, unix.EINVAL, nil},
		{"madvise merge", unix.SYS_MADVISE, [6]uintptr{0, 0, unix.MADV_MERGEABLE}, unix.EINVAL, nil},
		{"fallocate", unix.SYS_FALLOCATE, [6]uintptr{nowhere, 0, 0, 1}, unix.EBADF, nil},
		{"fallocate hole", unix.SYS_FALLOCATE, [6]uintptr{nowhere, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, 0, 1}, unix.EBADF, nil},
		{"fallocate beyond", unix.SYS_FALLOCATE, [6]uintptr{nowhere, unix.FALLOC_FL_KEEP_SIZE | upper, 0, 1}, unix.EOPNOTSUPP, nil},
		{"close_range", unix.SYS_CLOSE_RANGE, [6]uintptr{1 << 30, 1 << 30, unix.CLOSE_RANGE_CLOEXEC}, fine, nil},
		{"close_range unshare", unix.SYS_CLOSE_RANGE, [6]uintptr{1 << 30, 1 << 30, unix.CLOSE_RANGE_UNSHARE | unix.CLOSE_RANGE_CLOEXEC}, denied, nil},
		{"memfd_create", unix.SYS_MEMFD_CREATE, [6]uintptr{path}, gone, nil},

		{"ioctl terminal input", unix.SYS_IOCTL, [6]uintptr{nowhere, unix.TIOCSTI | upper}, denied, nil},
		{"ioctl terminal discipline", unix.SYS_IOCTL, [6]uintptr{nowhere, unix.TIOCSETD}, denied, nil},
		{"ioctl readable", unix.SYS_IOCTL, [6]uintptr{nowhere, fioReadable | upper}, unix.EBADF, nil},
		{"ioctl driver", unix.SYS_IOCTL, [6]uintptr{nowhere, 0xc020462a}, denied, map[string]unix.Errno{"devices": unix.EBADF}},
		{"fcntl owner", unix.SYS_FCNTL, [6]uintptr{nowhere, unix.F_SETOWN, own}, denied, nil},
		{"fcntl flags", unix.SYS_FCNTL, [6]uintptr{nowhere, unix.F_GETFL}, unix.EBADF, nil},

		{"prctl parent's death", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_PDEATHSIG, 0}, denied, nil},
		{"prctl dumpable", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_DUMPABLE, 1}, denied, nil},
		{"prctl no_new_privs", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_NO_NEW_PRIVS, 1}, fine, nil},
		{"seccomp", unix.SYS_SECCOMP, [6]uintptr{nowhere}, denied, nil},
		{"personality question", unix.SYS_PERSONALITY, [6]uintptr{0xffff_ffff}, fine, nil},
		{"personality", unix.SYS_PERSONALITY, [6]uintptr{0x0040000}, denied, nil},
		{"prlimit own", unix.SYS_PRLIMIT64, [6]uintptr{own, unix.RLIMIT_CORE}, fine, nil},
		{"prlimit core", unix.SYS_PRLIMIT64, [6]uintptr{own, unix.RLIMIT_CORE | upper, nowhere}, denied, nil},
		{"prlimit files", unix.SYS_PRLIMIT64, [6]uintptr{own, unix.RLIMIT_NOFILE, nowhere}, unix.EFAULT, nil},
		{"setrlimit core", unix.SYS_SETRLIMIT, [6]uintptr{unix.RLIMIT_CORE, nowhere}, denied, nil},
		{"setrlimit files", unix.SYS_SETRLIMIT, [6]uintptr{unix.RLIMIT_NOFILE, nowhere}, unix.EFAULT, nil},
		{"prlimit nobody", unix.SYS_PRLIMIT64, [6]uintptr{1 << 30, unix.RLIMIT_CORE}, denied, nil},

		{"kill itself", unix.SYS_KILL, [6]uintptr{own, 0}, fine, nil},
		{"kill nobody", unix.SYS_KILL, [6]uintptr{1 << 30, 0}, unix.ESRCH, map[string]unix.Errno{"unspaced": denied}},
		{"tgkill nobody", unix.SYS_TGKILL, [6]uintptr{1 << 30, 1 << 30, 0}, unix.ESRCH, map[string]unix.Errno{"unspaced": denied}},
		{"tkill nobody", unix.SYS_TKILL, [6]uintptr{1 << 30, 0}, unix.ESRCH, map[string]unix.Errno{"unspaced": denied}},
		{"pidfd_open", unix.SYS_PIDFD_OPEN, [6]uintptr{own}, gone, nil},
		{"fchmodat", unix.SYS_FCHMODAT, [6]uintptr{nowhere, path}, unix.ENOENT, map[string]unix.Errno{"unspaced": denied}},
		{"fchmodat user", unix.SYS_FCHMODAT, [6]uintptr{nowhere, path, 0o4755}, denied, nil},
		{"fchmodat group", unix.SYS_FCHMODAT, [6]uintptr{nowhere, path, 0o2755 | upper}, denied, nil},
		{"fchmod user", unix.SYS_FCHMOD, [6]uintptr{nowhere, 0o4700}, denied, nil},
		{"fchmod", unix.SYS_FCHMOD, [6]uintptr{nowhere, 0o1777}, unix.EBADF, map[string]unix.Errno{"unspaced": denied}},
		{"fchownat", unix.SYS_FCHOWNAT, [6]uintptr{nowhere, path}, unix.ENOENT, map[string]unix.Errno{"unspaced": denied}},
		{"truncate", unix.SYS_TRUNCATE, [6]uintptr{path}, unix.ENOENT, map[string]unix.Errno{"unspaced": denied}},
		{"getxattr", unix.SYS_GETXATTR, [6]uintptr{path, path}, unix.ENOENT, map[string]unix.Errno{"unspaced": denied}},
		{"llistxattr", unix.SYS_LLISTXATTR, [6]uintptr{path}, unix.ENOENT, map[string]unix.Errno{"unspaced": denied}},
		{"setxattr", unix.SYS_SETXATTR, [6]uintptr{path, path, path}, denied, nil},
		{"mknodat", unix.SYS_MKNODAT, [6]uintptr{nowhere, path, unix.S_IFIFO}, denied, nil},

		{"execve", unix.SYS_EXECVE, [6]uintptr{path}, denied, map[string]unix.Errno{"exec": unix.ENOENT}},
		{"execveat path", unix.SYS_EXECVEAT, [6]uintptr{nowhere, path}, denied, map[string]unix.Errno{"exec": unix.ENOENT}},
		{"setpgid", unix.SYS_SETPGID, [6]uintptr{1 << 30, 0}, denied, map[string]unix.Errno{"exec": unix.ESRCH}},
		{"clone namespace", unix.SYS_CLONE, [6]uintptr{unix.CLONE_NEWUSER | unix.CLONE_THREAD}, denied, nil},
		// The kernel wants more flags for a thread.
		{"clone thread", unix.SYS_CLONE, [6]uintptr{unix.CLONE_THREAD | unix.CLONE_FILES}, unix.EINVAL, nil},
		{"clone thread with files", unix.SYS_CLONE, [6]uintptr{unix.CLONE_THREAD}, denied, nil},
		{"clone3", unix.SYS_CLONE3, [6]uintptr{0, 0}, gone, nil},
		{"unshare", unix.SYS_UNSHARE, [6]uintptr{0}, denied, nil},
		{"setns", unix.SYS_SETNS, [6]uintptr{nowhere}, denied, nil},

		{"ptrace", unix.SYS_PTRACE, [6]uintptr{nowhere}, denied, nil},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, [6]uintptr{1 << 30}, denied, nil},
		{"mount", unix.SYS_MOUNT, [6]uintptr{path, path, nowhere, 0, nowhere}, denied, nil},
		{"bpf", unix.SYS_BPF, [6]uintptr{nowhere}, denied, nil},
		{"keyctl", unix.SYS_KEYCTL, [6]uintptr{nowhere}, denied, nil},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, [6]uintptr{nowhere}, denied, nil},
		{"userfaultfd", unix.SYS_USERFAULTFD, [6]uintptr{nowhere}, denied, nil},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, [6]uintptr{1, nowhere}, gone, nil},
		{"inotify_init1", unix.SYS_INOTIFY_INIT1, [6]uintptr{}, gone, nil},
		{"sync", unix.SYS_SYNC, [6]uintptr{}, denied, nil},
		{"shmget", unix.SYS_SHMGET, [6]uintptr{0, 1, 0}, denied, nil},
		{"get_mempolicy", unix.SYS_GET_MEMPOLICY, [6]uintptr{}, gone, map[string]unix.Errno{"devices": fine}},
		{"a call of the future", 2000, [6]uintptr{}, gone, nil},
	}
}

// tryAll makes every call and prints what each gave.
func tryAll([]string) int {
	for _, c := range tries() {
		_, _, errno := unix.Syscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
		fmt.Printf("%s=%d\n", c.name, errno)
	}
	return 0
}

// TestRefusals: a refused call gives the promised errno, whether the kernel
// answers or a monitor does.
func TestRefusals(t *testing.T) {
	for name, p := range tested {
		for _, notify := range []bool{false, true} {
			p.Notify = notify
			t.Run(fmt.Sprintf("%s/notify=%v", name, notify), func(t *testing.T) {
				t.Parallel()
				s := start(t, p, Options{}, "refuse", "self")
				checkTries(t, name, s.finish(t))
			})
		}
	}
}

func checkTries(t *testing.T, policy, out string) {
	t.Helper()
	got := map[string]unix.Errno{}
	for line := range strings.Lines(out) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), "=")
		errno, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got[name] = unix.Errno(errno)
	}
	for _, c := range tries() {
		want := c.plain
		if other, ok := c.other[policy]; ok {
			want = other
		}
		if got[c.name] != want {
			t.Errorf("%s: %d (%v), not %d (%v)", c.name, got[c.name], got[c.name], want, want)
		}
	}
}

// TestOneExecution: with ExecFD the launch is the last execution.
func TestOneExecution(t *testing.T) {
	for _, fd := range []int{0, 700} {
		s := start(t, Policy{ExecFD: fd}, Options{}, "after", "self")
		out := s.finish(t)
		if want := map[int]string{0: "bad file descriptor", 700: "not permitted"}[fd]; !strings.Contains(out, want) {
			t.Errorf("ExecFD %d: %s", fd, out)
		}
	}
}

// after tries to execute a descriptor that does not exist, which fails in any
// case, but not in the same way.
func after([]string) int {
	empty := []byte{0}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, 600, uintptr(unsafe.Pointer(&empty[0])), 0, 0, unix.AT_EMPTY_PATH, 0)
	fmt.Println(errno)
	return 0
}
