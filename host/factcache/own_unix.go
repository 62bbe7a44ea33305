// SPDX-License-Identifier: Apache-2.0

//go:build unix

package factcache

import (
	"errors"
	"os"
	"syscall"
)

// errForeign means that somebody else could have written an entry.
var errForeign = errors.New("the entry is not this user's alone")

// openOwn opens a regular file that belongs to this user and that nobody else
// may write to; whoever could would decide what the doctor says.
func openOwn(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || int(st.Uid) != os.Geteuid() {
			err = errForeign
		}
	}
	if err != nil {
		_ = f.Close() // it was only looked at
		return nil, err
	}
	return f, nil
}

// user is who the answers were given to.
func user() []int {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil
	}
	return append([]int{os.Geteuid(), os.Getegid()}, groups...)
}
