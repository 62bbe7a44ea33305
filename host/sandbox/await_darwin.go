// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"syscall"
	"unsafe"
)

// awaitExit returns when the process has ended, and leaves it as a zombie, so
// that its pid and group stay its own.
func awaitExit(pid int) {
	const pPID, wExited, wNoWait = 1, 0x4, 0x20 // sys/wait.h
	var info [128]byte                          // siginfo_t is 104 bytes
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid), uintptr(unsafe.Pointer(&info[0])), wExited|wNoWait, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
