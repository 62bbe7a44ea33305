// SPDX-License-Identifier: Apache-2.0

package probe

import "golang.org/x/sys/unix"

// machineMemory is the memory of this machine in bytes; 0 when it is not known.
func machineMemory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return info.Totalram * uint64(info.Unit)
}
