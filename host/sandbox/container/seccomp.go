// SPDX-License-Identifier: Apache-2.0

package container

import "slices"

// The seccomp section of config.json.
type (
	seccomp struct {
		DefaultAction string        `json:"defaultAction"`
		Architectures []string      `json:"architectures,omitempty"`
		Syscalls      []seccompRule `json:"syscalls"`
	}
	seccompRule struct {
		Names    []string     `json:"names"`
		Action   string       `json:"action"`
		ErrnoRet *uint        `json:"errnoRet,omitempty"`
		Args     []seccompArg `json:"args,omitempty"`
	}
	seccompArg struct {
		Index    uint   `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo,omitempty"`
		Op       string `json:"op"`
	}
)

// refusedCalls need no argument to be refused: they reach parts of the kernel
// that a plugin has no business with, or that other walls do not see.
var refusedCalls = []string{
	// keys, tracing, other processes
	"add_key", "keyctl", "request_key", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
	"pidfd_getfd", "pidfd_open", "pidfd_send_signal", "perf_event_open", "fanotify_init", "fanotify_mark", "lookup_dcookie",
	// programs in the kernel, and its newer interfaces
	"bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create", "memfd_secret",
	"inotify_init", "inotify_init1", "inotify_add_watch",
	// mounts and namespaces
	"mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen", "fsconfig", "fsmount", "fspick",
	"move_mount", "open_tree", "mount_setattr", "name_to_handle_at", "open_by_handle_at", "quotactl", "quotactl_fd",
	// the machine
	"acct", "adjtimex", "clock_adjtime", "clock_settime", "settimeofday", "stime", "delete_module", "finit_module", "init_module",
	"create_module", "kexec_file_load", "kexec_load", "reboot", "swapoff", "swapon", "syslog", "sethostname", "setdomainname",
	"iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "personality", "_sysctl", "sysfs", "uselib", "ustat", "nfsservctl",
	"vhangup", "move_pages", "migrate_pages", "mbind", "set_mempolicy", "mknod", "mknodat",
	// System V and POSIX IPC
	"shmget", "shmat", "shmctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl", "semtimedop",
	"mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
}

// Constants of the kernel's interface.
const (
	afUnix        = 1
	newNamespaces = 0x7e020000 // CLONE_NEW*: NS, CGROUP, UTS, IPC, USER, PID, NET
	cloneThread   = 0x10000
	tiocSTI       = 0x5412
	tiocLINUX     = 0x541c
	enosys        = 38
)

// newSeccomp refuses calls with EPERM. Whatever is not named is allowed: the
// container's namespaces and its lack of capabilities bound it.
func newSeccomp(r *Request) *seccomp {
	refused := func(names []string, args ...seccompArg) seccompRule {
		return seccompRule{Names: names, Action: "SCMP_ACT_ERRNO", Args: args}
	}
	absent := uint(enosys)
	s := &seccomp{DefaultAction: "SCMP_ACT_ALLOW", Syscalls: []seccompRule{
		refused(refusedCalls),
		refused([]string{"socket", "socketpair"}, seccompArg{Value: afUnix, Op: "SCMP_CMP_NE"}),
		refused([]string{"ioctl"}, seccompArg{Index: 1, Value: 0xffffffff, ValueTwo: tiocSTI, Op: "SCMP_CMP_MASKED_EQ"}),
		refused([]string{"ioctl"}, seccompArg{Index: 1, Value: 0xffffffff, ValueTwo: tiocLINUX, Op: "SCMP_CMP_MASKED_EQ"}),
		// Its flags lie in memory, where no filter sees them. Libraries fall back.
		{Names: []string{"clone3"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &absent},
	}}
	for flag := uint64(1); flag <= newNamespaces; flag <<= 1 {
		if flag&newNamespaces != 0 {
			s.Syscalls = append(s.Syscalls, refused([]string{"clone"}, seccompArg{Value: flag, ValueTwo: flag, Op: "SCMP_CMP_MASKED_EQ"}))
		}
	}
	if !mayStart(r) {
		s.Syscalls = append(s.Syscalls, refused([]string{"fork", "vfork"}),
			refused([]string{"clone"}, seccompArg{Value: cloneThread, Op: "SCMP_CMP_MASKED_EQ"}))
	}
	return s
}

// mayStart reports whether the program was granted programs to start.
func mayStart(r *Request) bool {
	return slices.ContainsFunc(r.Binds, func(b Bind) bool { return b.Access == Exec })
}
