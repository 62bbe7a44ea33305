// SPDX-License-Identifier: Apache-2.0

package fact

import "golang.org/x/sys/windows"

func statfs(name string) (Usage, bool) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return Usage{}, false
	}
	var free, total uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, &total, nil); err != nil {
		return Usage{}, false
	}
	return Usage{Total: total, Free: free}, true
}
