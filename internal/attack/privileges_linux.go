// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

var linuxPrivileges = []Attack{
	{Name: "become-root", Area: "privileges", Aim: "become root", try: becomeRoot},
	{Name: "become-other", Area: "privileges", Aim: "become another user", try: becomeOther},
	{Name: "join-group", Area: "privileges", Aim: "join a group", try: joinGroup},
	{Name: "raise-capabilities", Area: "privileges", Aim: "take back a capability", try: raiseCapabilities},
	{Name: "new-privileges", Area: "privileges", Aim: "allow set-uid programs again", try: newPrivileges},
	{Name: "raise-limits", Area: "privileges", Aim: "raise its own limits", try: raiseLimits},
	{Name: "real-time", Area: "privileges", Aim: "take the processor with real-time priority", try: realTime},
	{Name: "lock-memory", Area: "privileges", Aim: "lock 64 MiB of memory", try: lockMemory},
	{Name: "undo-filter", Area: "privileges", Aim: "replace its system call filter", try: undoFilter},
}

func becomeRoot(*Scene) Outcome {
	if os.Getuid() == 0 {
		return capable()
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0)
	return attempt(failure(errno), "is root")
}

// capable is a hit for a root with the powers of root. Uid 0 without them is an
// ordinary uid.
func capable() Outcome {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return missed(plain(err))
	}
	if data[0].Effective|data[0].Permitted|data[1].Effective|data[1].Permitted == 0 {
		return missed("uid 0 has no power here")
	}
	return Outcome{true, "has capabilities"}
}

func becomeOther(*Scene) Outcome {
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 1000, 1000, 1000)
	if os.Getuid() != 1000 && errno == 0 {
		return missed("nothing changed")
	}
	return attempt(failure(errno), "is uid 1000")
}

func joinGroup(*Scene) Outcome {
	group := uint32(6) // disk
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&group)), 0)
	return attempt(failure(errno), "is in the group disk")
}

func raiseCapabilities(*Scene) Outcome {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN}}
	return attempt(unix.Capset(&header, &data[0]), "has CAP_SYS_ADMIN")
}

func newPrivileges(*Scene) Outcome {
	_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 0, 0)
	now, _, _ := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0)
	if errno == 0 && now == 1 {
		return missed("nothing changed")
	}
	return attempt(failure(errno), "may gain privileges")
}

func raiseLimits(*Scene) Outcome {
	var ways []Outcome
	for _, resource := range []int{unix.RLIMIT_NOFILE, unix.RLIMIT_DATA, unix.RLIMIT_FSIZE, unix.RLIMIT_CORE} {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			ways = append(ways, missed(plain(err)))
			continue
		}
		if now.Max == unix.RLIM_INFINITY {
			return Outcome{true, "has no limit to raise"}
		}
		more := unix.Rlimit{Cur: now.Max + 1, Max: now.Max + 1}
		ways = append(ways, attempt(unix.Prlimit(0, resource, &more, nil), "raised a limit"))
	}
	return attempts(ways...)
}

func realTime(*Scene) Outcome {
	priority := int32(1)
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&priority)))
	return attempt(failure(errno), "runs with real-time priority")
}

func lockMemory(*Scene) Outcome {
	block := make([]byte, 64<<20)
	return attempt(unix.Mlock(block), "locked 64 MiB")
}

// undoFilter is a hit when a call that is refused works after a filter of its
// own that allows everything.
func undoFilter(*Scene) Outcome {
	allow := []unix.SockFilter{{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW}}
	program := unix.SockFprog{Len: 1, Filter: &allow[0]}
	_, _, _ = unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	_, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)
	return attempt(err, "makes calls that were refused")
}
