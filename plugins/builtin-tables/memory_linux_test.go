// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/sys/unix"

// boundMemory ends a child that wants more than 2 GiB.
func boundMemory() {
	limit := unix.Rlimit{Cur: 2 << 30, Max: 2 << 30}
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &limit) // best effort: the machine bounds it as well
}
