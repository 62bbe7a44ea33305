// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package install

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// stampOf looks at a file without following a link.
func stampOf(path string) (stamp, fs.FileMode, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return stamp{}, 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	out := stamp{size: st.Size, dev: number(st.Dev), inode: st.Ino, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano()}
	mode := modeOf(number(st.Mode))
	if mode.IsDir() {
		out.size = 0
	}
	return out, mode, nil
}

// number is a number of a type that differs between systems.
func number[T uint16 | uint32 | int32 | uint64](n T) uint64 { return uint64(n) }

func modeOf(mode uint64) fs.FileMode {
	out := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		out |= fs.ModeDir
	case unix.S_IFLNK:
		out |= fs.ModeSymlink
	default:
		out |= fs.ModeIrregular
	}
	if mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		out |= fs.ModeSetuid
	}
	return out
}

// wrongMode says what is wrong with the mode of a file of an entry; empty when
// nothing is.
func wrongMode(mode fs.FileMode, executable bool) string {
	switch {
	case mode.IsDir() && mode&0o022 != 0, mode.IsRegular() && mode&0o022 != 0:
		return "can be written by others than its owner"
	case mode.IsRegular() && mode&fs.ModeSetuid != 0:
		return "has a set-id bit"
	case executable && mode&0o100 == 0:
		return "cannot be executed any more"
	}
	return ""
}
