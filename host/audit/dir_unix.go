// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openFlags keep a link or a pipe in the place of a file from doing harm.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func stateHome() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}

// sharedMode reports whether others may look into a directory.
func sharedMode(mode fs.FileMode) bool { return mode.Perm()&0o077 != 0 }

// syncDir brings the names in a directory to disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// isFull reports whether an error means that no more can be written.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
