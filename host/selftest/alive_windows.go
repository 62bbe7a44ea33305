// SPDX-License-Identifier: Apache-2.0

package selftest

import "golang.org/x/sys/windows"

// alive reports whether a process exists.
func alive(pid int) bool {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	_ = windows.CloseHandle(process)
	return true
}
