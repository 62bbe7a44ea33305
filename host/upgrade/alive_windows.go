// SPDX-License-Identifier: Apache-2.0

package upgrade

import "golang.org/x/sys/windows"

// stillActive is the exit code of a process that has none yet.
const stillActive = 259

// alive reports whether a process is there.
func alive(pid int) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	var code uint32
	return windows.GetExitCodeProcess(h, &code) == nil && code == stillActive
}
