// SPDX-License-Identifier: Apache-2.0

//go:build unix

package factcache

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedAlone reports whether a file or directory belongs to this user and nobody
// else may write to it.
func ownedAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().Perm()&0o022 == 0 && int(st.Uid) == os.Geteuid()
}

// onlyName reports whether a file has no second name, by which somebody could
// have brought it here.
func onlyName(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 1
}

// gone reports whether a file lost its only name while it was looked at.
func gone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}

// ownerOf is the user and the group of a file.
func ownerOf(info fs.FileInfo) [2]uint32 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return [2]uint32{}
	}
	return [2]uint32{st.Uid, st.Gid}
}

// user is who the answers were given to.
func user() []int {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil
	}
	return append([]int{os.Geteuid(), os.Getegid()}, groups...)
}
