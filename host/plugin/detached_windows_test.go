// SPDX-License-Identifier: Apache-2.0

package plugin

import "syscall"

func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// trace is a system call that no plugin may make; there is none here.
func trace() error { return syscall.ENOSYS }
