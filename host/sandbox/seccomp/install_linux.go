// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// Flags are the flags of seccomp(SECCOMP_SET_MODE_FILTER) for this policy, as far
// as the kernel knows them:
//
//   - SECCOMP_FILTER_FLAG_NEW_LISTENER with Notify. A kernel that lacks it
//     (before Linux 5.0) refuses the filter.
//   - SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV with Notify (Linux 5.19): a call
//     that a monitor has taken is interrupted by the end of the program only.
//     Go interrupts its own threads all the time, and each interrupted call
//     would be made and counted again.
//   - SECCOMP_FILTER_FLAG_SPEC_ALLOW: kernels before 5.16 otherwise slow all
//     memory access down, to protect a program from code of its own.
func (p Policy) Flags() uintptr {
	flags := optional(unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW)
	if p.Notify {
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | waitKillable()
	}
	return flags
}

// waitKillable is asked for together with the listener, without which the kernel
// refuses it.
var waitKillable = sync.OnceValue(func() uintptr {
	const flag = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	if known(flag | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		return flag
	}
	return 0
})

func optional(flag uintptr) uintptr {
	if known(flag) {
		return flag
	}
	return 0
}

// known asks to install a filter that cannot be read: the kernel looks at the
// flags first.
func known(flags uintptr) bool {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, 0)
	return errors.Is(errno, unix.EFAULT)
}
