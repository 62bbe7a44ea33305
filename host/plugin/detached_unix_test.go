// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import "syscall"

func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// trace is a system call that no plugin may make: PTRACE_TRACEME.
func trace() error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_PTRACE, 0, 0, 0)
	return errno
}
