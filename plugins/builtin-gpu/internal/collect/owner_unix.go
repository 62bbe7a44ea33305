// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package collect

import (
	"io/fs"
	"syscall"
)

// owner returns the numeric owner and group of a file.
func owner(info fs.FileInfo) (uid, gid uint64, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return uint64(st.Uid), uint64(st.Gid), true
}
