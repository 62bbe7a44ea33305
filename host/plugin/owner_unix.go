// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedAlone reports whether a file or directory belongs to this user and no one
// else may write to it.
func ownedAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
