// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

const openFlags = 0

func stateHome() (string, error) {
	return windows.KnownFolderPath(windows.FOLDERID_LocalAppData, windows.KF_FLAG_DEFAULT)
}

// sharedMode is false: the folder inherits the user's own access list.
func sharedMode(fs.FileMode) bool { return false }

// syncDir does nothing: NTFS journals names, and a directory cannot be flushed
// without extra rights.
func syncDir(string) error { return nil }

// isFull reports whether an error means that no more can be written.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
