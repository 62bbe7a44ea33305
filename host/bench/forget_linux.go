// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// forget drops a file from the page cache, and tells the kernel not to read ahead
// of what is asked for.
func forget(file *os.File) error {
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// inMemory reports whether a directory lies in a file system that is no disk.
func inMemory(dir string) bool {
	var stat unix.Statfs_t
	if unix.Statfs(dir, &stat) != nil {
		return false
	}
	return uint32(stat.Type) == unix.TMPFS_MAGIC || uint32(stat.Type) == unix.RAMFS_MAGIC
}
