// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scratch

import (
	"io/fs"
	"os"
	"syscall"
)

// own reports whether a directory is this user's, and only theirs to change.
func own(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
