// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

const openFlags = 0

// ownedAlone is true: the directory lies in the user's own profile, whose access
// list keeps others out.
func ownedAlone(fs.FileInfo) bool { return true }

// syncDir does nothing: NTFS journals names, and a directory cannot be flushed
// without extra rights.
func syncDir(*os.Root, string) error { return nil }

// isFull reports whether an error means that no more can be written.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
