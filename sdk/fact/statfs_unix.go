// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package fact

import "golang.org/x/sys/unix"

func statfs(name string) (Usage, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return Usage{}, false
	}
	block := uint64(st.Bsize)
	return Usage{Total: st.Blocks * block, Free: st.Bavail * block}, true
}
