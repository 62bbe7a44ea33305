// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"fmt"
	"io"
)

// File types of cpio modes, as in inode(7).
const (
	modeDir  = 0o040000
	modeFile = 0o100000
)

// archive writes a cpio archive in the newc format.
type archive struct {
	w     io.Writer
	inode int
	size  int64 // written so far; all parts are padded to 4 bytes
	err   error
}

// dir adds a directory; parents must come first.
func (a *archive) dir(name string) { a.entry(name, modeDir|0o755, nil) }

// file adds a regular file.
func (a *archive) file(name string, permissions int, data []byte) {
	a.entry(name, modeFile|permissions, data)
}

// close ends the archive and returns the first error of all writes.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil)
	return a.err
}

func (a *archive) entry(name string, mode int, data []byte) {
	a.inode++
	// magic, inode, mode, uid, gid, links, mtime, size, device (major, minor),
	// the device it stands for (major, minor), length of the name with its NUL, sum
	a.write(fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name))
	a.write(data)
}

func (a *archive) write(data []byte) {
	if a.err != nil {
		return
	}
	padding := -(a.size + int64(len(data))) & 3
	if _, a.err = a.w.Write(data); a.err == nil {
		_, a.err = a.w.Write(make([]byte, padding))
	}
	a.size += int64(len(data)) + padding
}
