// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

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

// dropsBounding reports whether the bounding set can be emptied: by root, or by
// the root of a user namespace. Without the right to, no_new_privs alone keeps
// an exec from granting anything.
func (a *attempt) dropsBounding() bool {
	return a.walls.user || a.host.can(unix.CAP_SETPCAP)
}

// takesIdentity reports whether credentials are to be changed.
func (a *attempt) takesIdentity() bool {
	return a.walls.identity && !a.walls.user && a.host.identities()
}

// identity is the uid and gid inside the sandbox, or -1 where it stays as it is.
func (a *attempt) identity() int {
	if !a.takesIdentity() {
		return -1
	}
	return max(a.uid, 0)
}

// canExecute refuses a program that others than its owner may not execute, as one
// that was built under a strict umask. To start it under a uid of its own would fail
// at every level, with an errno alone.
func (a *attempt) canExecute() error {
	if !a.takesIdentity() || a.spec.Identity != OwnUID {
		return nil
	}
	info, err := a.spec.Exe.Stat()
	if err != nil || info.Mode().Perm()&0o001 != 0 {
		return nil // what cannot be looked at is told where it is read
	}
	return &ModeError{Program: a.spec.Exe.Name(), Mode: info.Mode().Perm()}
}

// mapUser makes the host's user the root of a user namespace. The kernel lets a
// process map its own uid, once it cannot change its groups any more.
func (c *compiler) mapUser() {
	c.write("/proc/self/setgroups", "deny")
	c.write("/proc/self/uid_map", "0 "+strconv.Itoa(c.a.host.uid)+" 1")
	c.write("/proc/self/gid_map", "0 "+strconv.Itoa(c.a.host.gid)+" 1")
}

// write puts a text into a file of the kernel.
func (c *compiler) write(name, text string) {
	c.at(name)
	fd := c.cell()
	c.call(unix.SYS_OPENAT, unix.AT_FDCWD, name, unix.O_WRONLY|unix.O_CLOEXEC).into(fd)
	c.call(unix.SYS_WRITE, fd, text, len(text))
	c.call(unix.SYS_CLOSE, fd)
}

// cgroupSpace makes the group in which the program now is look like the root of
// all groups.
func (c *compiler) cgroupSpace() { c.call(unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP) }

// enterGroup moves the process into its control group.
func (c *compiler) enterGroup() {
	for _, f := range c.a.leaf.Files() {
		c.at(f.Name())
		c.call(unix.SYS_WRITE, c.file(f), "0", 1)
	}
}

// boundingSet takes every capability out of what an exec could ever grant.
func (c *compiler) boundingSet() {
	for capability := range lastCapability() + 1 {
		c.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, capability)
	}
}

// secureBits makes uid 0 an ordinary uid, for good.
func (c *compiler) secureBits() { c.call(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, secureBits) }

// identity takes on the program's uid and gid and lets go of all groups. The
// change clears the parent-death signal.
func (c *compiler) identity() {
	id := c.a.identity()
	c.call(unix.SYS_SETGROUPS, 0, 0)
	c.call(unix.SYS_SETRESGID, id, id, id)
	c.call(unix.SYS_SETRESUID, id, id, id)
	c.parentDeath()
}

func (c *compiler) noNewPrivileges() { c.call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1) }

// capabilities empties the remaining sets.
func (c *compiler) capabilities() {
	c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	header := binary.NativeEndian.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	none := c.data(make([]byte, 24))
	c.call(unix.SYS_CAPSET, c.address(c.data(append(header, 0, 0, 0, 0))), c.address(none))
}

// rlimits lowers the limits, soft and hard alike. A limit that is lower already
// stays as it is.
func (c *compiler) rlimits() {
	for _, l := range c.a.limits() {
		var now unix.Rlimit
		if unix.Prlimit(0, l.resource, nil, &now) != nil {
			now.Max = 0
		}
		value := min(l.value, now.Max)
		pair := binary.NativeEndian.AppendUint64(nil, value)
		c.call(unix.SYS_PRLIMIT64, 0, l.resource, c.address(c.data(binary.NativeEndian.AppendUint64(pair, value))), 0)
	}
}
