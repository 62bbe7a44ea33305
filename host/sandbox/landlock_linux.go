// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
)

// Rights of Landlock in the groups in which grants give them.
const (
	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE
	readDir  = readFile | unix.LANDLOCK_ACCESS_FS_READ_DIR

	writeFile = readFile | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	writeDir  = readDir | writeFile | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER

	useDevice = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	fileOnly  = writeFile | useDevice | unix.LANDLOCK_ACCESS_FS_EXECUTE
)

// rightsOf are the rights that an access gives on a file or a directory.
func rightsOf(a Access, dir bool) uint64 {
	rights := uint64(readDir)
	switch a {
	case Write:
		rights = writeDir
	case Exec:
		rights = readDir | unix.LANDLOCK_ACCESS_FS_EXECUTE
	case Device:
		rights = readDir | useDevice
	}
	if !dir {
		rights &= fileOnly
	}
	return rights
}

// ruleset is what this kernel's Landlock handles; everything handled is refused
// unless a rule allows it. Zero is a kernel without Landlock.
type ruleset struct {
	abi    int
	fs     uint64
	net    uint64
	scoped uint64
}

// landlockABI asks the kernel for its version of Landlock, 0 for none.
var landlockABI = sync.OnceValue(func() int {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
})

// rulesetOf lists all that a version of Landlock handles.
func rulesetOf(abi int) ruleset {
	r := ruleset{abi: abi, fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	for _, step := range []struct {
		abi             int
		fs, net, scoped uint64
	}{
		{2, unix.LANDLOCK_ACCESS_FS_REFER, 0, 0},
		{3, unix.LANDLOCK_ACCESS_FS_TRUNCATE, 0, 0},
		{4, 0, unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, 0},
		{5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, 0, 0},
		{6, 0, 0, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL},
		{9, unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX, 0, 0},
		{10, 0, unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP, 0},
	} {
		if abi >= step.abi {
			r.fs, r.net, r.scoped = r.fs|step.fs, r.net|step.net, r.scoped|step.scoped
		}
	}
	return r
}

// landlock is the second wall around files, and the only one where there is no
// private root.
func (c *compiler) landlock() {
	set := rulesetOf(landlockABI())
	attr := binary.NativeEndian.AppendUint64(nil, set.fs)
	attr = binary.NativeEndian.AppendUint64(attr, set.net)
	attr = binary.NativeEndian.AppendUint64(attr, set.scoped)
	fd := c.cell()
	c.call(unix.SYS_LANDLOCK_CREATE_RULESET, c.address(c.data(attr)), len(attr), 0).into(fd)
	for i := range c.a.objects {
		o := &c.a.objects[i]
		c.about(o)
		if r := c.allow(fd, o.rule, o.rights&set.fs); o.optional {
			r.ignored()
		}
	}
	c.here.path, c.here.bind = "", -1
	c.rules = append(c.rules, ownRule{c.exeRule, rightsOf(Exec, false)})
	for _, r := range c.rules {
		c.allow(fd, r.rule, r.rights&set.fs)
	}
	c.call(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0)
}

// allow adds a rule, whose descriptor an earlier op has filled in.
func (c *compiler) allow(ruleset, rule operand, rights uint64) ref {
	binary.NativeEndian.PutUint64(c.memory[rule:], rights)
	return c.call(unix.SYS_LANDLOCK_ADD_RULE, ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, c.address(rule), 0)
}
