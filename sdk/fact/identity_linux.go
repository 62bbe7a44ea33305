// SPDX-License-Identifier: Apache-2.0

package fact

import "syscall"

// identityAt looks at a path itself. It is lstat(2) alone, since it is asked
// thousands of times.
func identityAt(path string) (identity, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return identity{}, err
	}
	return identityFrom(&st), nil
}

func identityFrom(st *syscall.Stat_t) identity {
	return identity{
		mode: st.Mode, device: st.Dev, inode: st.Ino, size: uint64(st.Size),
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}
