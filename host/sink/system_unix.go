// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package sink

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Files can be renamed and removed while they are open, and so while their lock is
// held.
const renamesOpenFiles = true

// tryLock takes the lock of a file until it is closed everywhere.
func tryLock(f *os.File) (held bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// mayCreate finds out whether this process may make files in a directory.
func mayCreate(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &os.PathError{Op: "make a file in", Path: dir, Err: err}
	}
	return nil
}

// syncDir brings the names in a directory to disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func isNoSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
