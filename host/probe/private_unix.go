// SPDX-License-Identifier: Apache-2.0

//go:build unix

package probe

import (
	"os"
	"syscall"
)

// lockDir takes the lock of a directory of this user's that is still there.
func lockDir(dir string) (release func(), ok bool) {
	file, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !ours(file, dir) {
		_ = file.Close()
		return nil, false
	}
	return func() { _ = file.Close() }, true
}

// ours reports whether the directory has its name still, and belongs to us.
func ours(file *os.File, dir string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(dir)
	if err != nil || !os.SameFile(open, named) {
		return false
	}
	stat, ok := open.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
