// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package artifact

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openFlags keep a pipe in the place of a file from making the host wait.
const openFlags = syscall.O_NONBLOCK

// ownedAlone reports whether a directory belongs to this user and nobody else
// may put files there.
func ownedAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().Perm()&0o022 == 0 && int(st.Uid) == os.Geteuid()
}

// syncDir brings the names in a directory to disk.
func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// isFull reports whether an error means that no more can be written.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
