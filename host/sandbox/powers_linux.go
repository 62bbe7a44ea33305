// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// powers is what the host may do. It decides by which way walls are built.
type powers struct {
	uid, gid int
	caps     uint64 // effective capabilities
	mapped   bool   // the uids of programs exist in this user namespace
}

// hostPowers reads the powers of this process. They are asked for once, since a
// host does not change them while it runs.
var hostPowers = sync.OnceValue(func() powers {
	p := powers{uid: os.Geteuid(), gid: os.Getegid()}
	fields, err := statusFields(os.Getpid())
	if err == nil {
		p.caps, _ = strconv.ParseUint(fields["CapEff"], 16, 64)
	}
	p.mapped = covers("/proc/self/uid_map") && covers("/proc/self/gid_map") && groupsAllowed()
	return p
})

// covers reports whether a map of ids of this user namespace has all those that
// programs get. In a container it may have few.
func covers(file string) bool {
	text, err := os.ReadFile(file)
	return err == nil && mapCovers(string(text))
}

func mapCovers(text string) bool {
	for line := range strings.Lines(text) {
		var inside, outside, count int
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err == nil && inside <= firstUID && inside+count > lastUID {
			return true
		}
	}
	return false
}

// groupsAllowed reports whether groups can be let go of in this user namespace.
func groupsAllowed() bool {
	text, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && strings.TrimSpace(string(text)) == "allow"
}

func (p powers) can(capability int) bool { return p.caps>>capability&1 != 0 }

// spaces reports whether namespaces can be made without a user namespace.
func (p powers) spaces() bool { return p.can(unix.CAP_SYS_ADMIN) }

// identities reports whether the program can be given another uid.
func (p powers) identities() bool {
	return p.uid == 0 && p.mapped && p.can(unix.CAP_SETUID) && p.can(unix.CAP_SETGID)
}

// lastCapability is the highest capability of this kernel.
var lastCapability = sync.OnceValue(func() int {
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n < 64 {
			return n
		}
	}
	return unix.CAP_CHECKPOINT_RESTORE
})

// release is the kernel's version, such as "6.1.0-9-amd64".
var release = sync.OnceValue(func() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
})

// atLeast compares a release with a version.
func atLeast(release string, major, minor int) bool {
	fields := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(fields) < 2 {
		return false
	}
	m, _ := strconv.Atoi(fields[0])
	n, _ := strconv.Atoi(fields[1])
	return m > major || m == major && n >= minor
}
