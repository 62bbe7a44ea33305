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
