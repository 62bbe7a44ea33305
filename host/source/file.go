// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// absolute is the path as it is shown.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// openFile opens a regular file for reading records.
func openFile(spec Spec) (*records, fs.FileInfo, error) {
	path := absolute(spec.Path)
	// Looking before opening keeps a pipe from blocking the open.
	info, err := os.Stat(spec.Path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	if info.IsDir() {
		return nil, nil, newError(path, "A directory instead of a file", "A source reads one CSV file. Name a file in this directory.")
	}
	if !info.Mode().IsRegular() {
		return nil, nil, newError(path, "Not a regular file", "A source is read twice, which a pipe or a device does not allow. Copy the data to a file first.")
	}
	if info.Size() == 0 {
		return nil, nil, newError(path, "Empty file", "The file has no bytes. A source needs a header line and at least one row.")
	}
	f, err := os.Open(spec.Path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	return newRecords(path, f, f.Close, byte(spec.delimiter())), info, nil
}

func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newError(path, "Missing file", "There is no such file. Check the path, which is written out in full here.").because(err)
	case errors.Is(err, fs.ErrPermission):
		return newError(path, "File that may not be read", "The system refuses to open it: %v. Change its permissions or run as a user who may read it.", err).because(err)
	}
	return newError(path, "File that cannot be read", "%v.", err).because(err)
}
