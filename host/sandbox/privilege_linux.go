// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below go to the kernel raw: they act on the calling thread, which is
// the one that executes the program, and need no agreement among the others.

// Bits of the securebits flag word (linux/securebits.h).
const (
	secNoRoot          = 1 << 0
	secNoSetuidFixup   = 1 << 2
	secKeepCapsLocked  = 1 << 5
	secNoAmbientRaise  = 1 << 6
	secNoRootLocked    = secNoRoot << 1
	secNoFixupLocked   = secNoSetuidFixup << 1
	secNoAmbientLocked = secNoAmbientRaise << 1

	secureBits = secNoRoot | secNoRootLocked | secNoSetuidFixup | secNoFixupLocked |
		secKeepCapsLocked | secNoAmbientRaise | secNoAmbientLocked
)

// umask keeps what the program creates to itself.
func (b *builder) umask() error {
	unix.Umask(0o077)
	return nil
}

// directory makes the private directory the working directory, while the host's
// rights still allow to reach it.
func (b *builder) directory() error {
	if b.plan.Dir == "" {
		return nil
	}
	return atPath(b.plan.Dir, -1, unix.Chdir(b.plan.Dir))
}

// privileged reports whether this process holds capabilities to be dropped: the
// host is root, or the process is root in a user namespace of its own.
func (b *builder) privileged() bool {
	return b.plan.DropSet || b.plan.Level == Namespaced
}

// boundingSet takes every capability out of what an exec could ever grant.
func (b *builder) boundingSet() error {
	if !b.privileged() {
		return nil
	}
	for capability := 0; capability <= 63; capability++ {
		err := prctl(unix.PR_CAPBSET_DROP, uintptr(capability))
		if errors.Is(err, unix.EINVAL) && capability > unix.CAP_CHECKPOINT_RESTORE {
			return nil // past the last one that this kernel knows
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// secureBits makes uid 0 an ordinary uid, for good.
func (b *builder) secureBits() error {
	if !b.privileged() {
		return nil
	}
	return prctl(unix.PR_SET_SECUREBITS, secureBits)
}

// identity takes on the program's uid and gid and lets go of all groups.
func (b *builder) identity() error {
	if b.plan.Identity == nil {
		return nil
	}
	id := uintptr(*b.plan.Identity)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, id, id, id); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id); errno != 0 {
		return errno
	}
	return nil
}

func (b *builder) noNewPrivileges() error {
	return prctl(unix.PR_SET_NO_NEW_PRIVS, 1)
}

// capabilities empties the remaining sets.
func (b *builder) capabilities() error {
	if err := prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL); err != nil {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// closeFiles keeps every descriptor but the standard streams from the program.
func (b *builder) closeFiles() error {
	return unix.CloseRange(planFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}

// rlimits lowers the limits, soft and hard alike. A limit that is lower already
// stays as it is.
func (b *builder) rlimits() error {
	for _, l := range b.plan.Limits {
		var now unix.Rlimit
		if err := unix.Prlimit(0, l.Resource, nil, &now); err != nil {
			return err
		}
		value := min(l.Value, now.Max)
		if err := unix.Prlimit(0, l.Resource, &unix.Rlimit{Cur: value, Max: value}, nil); err != nil {
			return err
		}
	}
	return nil
}

// lifeline arms the parent-death signal again, since a change of credentials
// clears it, and then makes sure that the parent did not die before.
func (b *builder) lifeline() error {
	if err := prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)); err != nil {
		return err
	}
	poll := []unix.PollFd{{Fd: planFD, Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, 0); err != nil && err != unix.EINTR {
		return err
	}
	if poll[0].Revents&unix.POLLHUP != 0 {
		return unix.EPIPE
	}
	return nil
}

func prctl(option int, argument uintptr) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, uintptr(option), argument, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
