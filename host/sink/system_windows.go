// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Files are renamed and removed when they are closed.
const renamesOpenFiles = false

// tryLock takes the lock of a file until it is closed. It is on a byte far behind
// its content, which others may read and write.
func tryLock(f *os.File) (held bool, err error) {
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// mayCreate finds nothing: rights on Windows are told by trying.
func mayCreate(string) error { return nil }

// syncDir does nothing: NTFS journals names, and a directory cannot be flushed
// without extra rights.
func syncDir(string) error { return nil }

func isNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
