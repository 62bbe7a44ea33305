// SPDX-License-Identifier: Apache-2.0

package fact

import "syscall"

// identityAt looks at a path itself.
func identityAt(path string) (identity, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return identity{}, err
	}
	return identityFrom(&st), nil
}

func identityFrom(st *syscall.Stat_t) identity {
	return identity{
		mode: uint32(st.Mode), device: uint64(uint32(st.Dev)), inode: st.Ino, size: uint64(st.Size),
		mtime: st.Mtimespec.Nano(), ctime: st.Ctimespec.Nano(),
	}
}
