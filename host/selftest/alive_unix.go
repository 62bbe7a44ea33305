// SPDX-License-Identifier: Apache-2.0

//go:build unix

package selftest

import "syscall"

// alive reports whether a process exists, whoever's it is.
func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
