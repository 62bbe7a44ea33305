// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// ruled holds the calls whose verdict hangs on the policy or on arguments.
var ruled = map[string]func(Policy) rule{
	"clone":  cloneRule,
	"fork":   starts,
	"vfork":  starts,
	"execve": starts,
	// The launcher itself ends with this call, after the filter stands.
	"execveat": execveatRule,
	// A new session or group would leave the group that the host kills, so only
	// where a pid namespace ends everything.
	"setsid":  func(p Policy) rule { return granted(p.Exec && !p.Unspaced) },
	"setpgid": func(p Policy) rule { return granted(p.Exec && !p.Unspaced) },

	"kill":              signalRule,
	"tgkill":            signalRule,
	"rt_sigqueueinfo":   signalRule,
	"rt_tgsigqueueinfo": signalRule,
	// It names a thread without its process, so that a filter cannot tell whose
	// it is.
	"tkill": spaced,

	// Landlock knows nothing of these: without a root of its own a program could
	// change the attributes of every file that its uid owns.
	"chmod": modes(1), "fchmod": modes(1), "fchmodat": modes(2), "fchmodat2": modes(2),
	"chown": spaced, "fchown": spaced, "lchown": spaced, "fchownat": spaced,
	"utime": spaced, "utimes": spaced, "futimesat": spaced, "utimensat": spaced,
	// Landlock knows it since ABI 3.
	"truncate": spaced,
	// Nor does it know of these, which tell what a file that was not granted says
	// of itself. C libraries ask about every file that they copy.
	"getxattr": unlooked, "lgetxattr": unlooked, "getxattrat": unlooked,
	"listxattr": unlooked, "llistxattr": unlooked, "listxattrat": unlooked,

	"sched_setaffinity": affinityRule,
	// int which, int who: the process itself. Higher niceness is its own affair;
	// lower is RLIMIT_NICE's.
	"setpriority": func(Policy) rule { return only(is(0, unix.PRIO_PROCESS), is(1, 0)) },
	"prlimit64":   prlimitRule,
	"setrlimit":   setrlimitRule,
	// unsigned int persona: only the question what it is.
	"personality": func(Policy) rule { return only(is(0, 0xffff_ffff)) },

	"mmap":        mmapRule,
	"madvise":     madviseRule,
	"fallocate":   fallocateRule,
	"close_range": closeRangeRule,
	"fcntl":       fcntlRule,
	"ioctl":       ioctlRule,
	"prctl":       prctlRule,
	"arch_prctl":  archPrctlRule,

	"socket":     socketRule,
	"socketpair": socketpairRule,
	"connect":    func(p Policy) rule { return granted(p.Sockets) },
	"setsockopt": setsockoptRule,
	"sendto":     urgent(3), "sendmsg": urgent(2),

	// Drivers place buffers on the node of their device. Anyone else is told
	// that there is one node, as probes does.
	"get_mempolicy": nodes, "set_mempolicy": nodes, "mbind": nodes,
}

func starts(p Policy) rule { return granted(p.Exec) }
func spaced(p Policy) rule { return granted(!p.Unspaced) }

// modes leaves the bits that make a program run as its owner or group. They have
// no effect in a sandbox, but where a program may write they would stay, for
// anyone to become its user.
func modes(arg int) func(Policy) rule {
	return func(p Policy) rule {
		if p.Unspaced {
			return always(refuse)
		}
		return always(allow).but(refuse, bits(arg, unix.S_ISUID, unix.S_ISUID)).but(refuse, bits(arg, unix.S_ISGID, unix.S_ISGID))
	}
}

func unlooked(p Policy) rule {
	if p.Unspaced {
		return always(unheld)
	}
	return always(allow)
}

func nodes(p Policy) rule {
	if p.Devices {
		return always(allow)
	}
	return always(unseen)
}

// newSpaces are the flags of clone that make namespaces. CLONE_NEWTIME is not
// among them: its bit belongs to the exit signal in this call.
const newSpaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// cloneRule allows threads, and with Exec processes. The flags are the first
// argument on both architectures; the kernel takes the lower half. A thread with
// a table of descriptors of its own could open as many files once more.
// CLONE_PARENT would make a child of the host.
func cloneRule(p Policy) rule {
	const thread = unix.CLONE_THREAD | unix.CLONE_FILES
	r := only(bits(0, thread|newSpaces, thread))
	if p.Exec {
		r = r.orElse(bits(0, unix.CLONE_PARENT|unix.CLONE_THREAD|newSpaces, 0))
	}
	return r
}

// execveatRule leaves the launcher's own call, which executes an open descriptor:
// execveat(fd, "", argv, env, AT_EMPTY_PATH).
func execveatRule(p Policy) rule {
	switch {
	case p.Exec:
		return always(allow)
	case p.ExecFD > 0:
		return only(is(0, uint32(p.ExecFD)), is(4, unix.AT_EMPTY_PATH))
	}
	return only(is(4, unix.AT_EMPTY_PATH))
}

// signalRule is for calls whose first argument is a process (pid_t). Inside a pid
// namespace there is nobody to hit but the program's own.
func signalRule(p Policy) rule {
	if p.Unspaced {
		return only(self(0))
	}
	return always(allow)
}

// affinityRule is for pid_t pid; other threads of the program have ids that a
// filter cannot know.
func affinityRule(p Policy) rule {
	if p.Unspaced {
		return only(self(0, 0))
	}
	return always(allow)
}

// mmapRule refuses three ways around RLIMIT_DATA, which counts private writable
// memory that does not grow down: shared anonymous memory, memory that grows
// down like a stack, and pages of the machine's reserved pool. The flags are an
// unsigned long, of which the kernel knows bits of the lower half only.
func mmapRule(p Policy) rule {
	const sharedAnonymous = unix.MAP_SHARED | unix.MAP_ANONYMOUS // MAP_SHARED_VALIDATE has its bit too
	r := always(allow).
		but(refuse, bits(3, unix.MAP_GROWSDOWN, unix.MAP_GROWSDOWN)).
		but(refuse, bits(3, unix.MAP_HUGETLB, unix.MAP_HUGETLB))
	if p.Devices { // CUDA's page-locked host memory is shared anonymous memory
		return r
	}
	return r.but(refuse, bits(3, sharedAnonymous, sharedAnonymous))
}

// fcntlRule leaves out what sends signals to others (F_SETOWN, F_SETSIG,
// F_NOTIFY) and what holds up others' opens (F_SETLEASE). unsigned int cmd.
func fcntlRule(Policy) rule {
	return only(is(1, unix.F_DUPFD, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL,
		unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW,
		unix.F_DUPFD_CLOEXEC, duplicateQuery, unix.F_GETPIPE_SZ, unix.F_ADD_SEALS, unix.F_GET_SEALS)).
		// Larger pipes are memory of the kernel. Go asks for them and goes on.
		but(unheld, is(1, unix.F_SETPIPE_SZ))
}

// duplicateQuery is F_DUPFD_QUERY: are two descriptors the same file?
const duplicateQuery = 1027

// prctlRule leaves names, limits on oneself and questions. Left out on purpose:
// PR_SET_PDEATHSIG (it could outlive the host), PR_SET_DUMPABLE, PR_SET_PTRACER,
// PR_SET_SECCOMP, PR_SET_MM, PR_SET_CHILD_SUBREAPER, PR_SET_MEMORY_MERGE (pages
// shared with others tell what they hold). int option.
func prctlRule(Policy) rule {
	return only(is(0, unix.PR_SET_NAME, unix.PR_GET_NAME,
		unix.PR_GET_PDEATHSIG, unix.PR_GET_DUMPABLE, unix.PR_GET_KEEPCAPS, unix.PR_CAPBSET_READ,
		unix.PR_GET_SECCOMP, unix.PR_GET_SECUREBITS, unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS,
		unix.PR_SET_TIMERSLACK, unix.PR_GET_TIMERSLACK, unix.PR_SET_THP_DISABLE, unix.PR_GET_THP_DISABLE,
		unix.PR_GET_SPECULATION_CTRL, unix.PR_GET_CHILD_SUBREAPER, auxiliaryVector,
		unix.PR_SVE_GET_VL, unix.PR_SME_GET_VL, unix.PR_GET_TAGGED_ADDR_CTRL)).
		// unsigned long attr, of which 0 is PR_SET_VMA_ANON_NAME.
		orElse(is(0, unix.PR_SET_VMA), condition{arg: 1, mask: whole, any: []uint32{unix.PR_SET_VMA_ANON_NAME}, zero: true})
}

// auxiliaryVector is PR_GET_AUXV, by which Go learns of processor features.
const auxiliaryVector = 0x4155_5856

// The options of arch_prctl (int), which only amd64 has. See asm/prctl.h.
const (
	archSetGS, archSetFS, archGetFS, archGetGS = 0x1001, 0x1002, 0x1003, 0x1004
	archGetCPUID                               = 0x1011
	archGetXCompSupport, archGetXCompPermit    = 0x1021, 0x1022
	archRequestXCompPermit                     = 0x1023
)

// archPrctlRule leaves thread-local storage, which every C program sets up, and
// the permission for AMX tiles, which oneDNN asks for. C libraries ask about
// control-flow protection at every start; that is answered but not counted.
func archPrctlRule(Policy) rule {
	r := only(is(0, archSetGS, archSetFS, archGetFS, archGetGS, archGetCPUID,
		archGetXCompSupport, archGetXCompPermit, archRequestXCompPermit))
	r.last = unheld
	return r
}
