// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package fact

import (
	"io/fs"
	"syscall"
)

// node is what lstat(2) tells of a path. Unlike the answer of os.Lstat it stays
// on the stack: a collector looks at thousands.
type node struct {
	st   syscall.Stat_t
	seen bool
}

// lookAt describes a path of the host itself, which errors call name.
func lookAt(path, name string, n *node) error {
	for {
		switch err := syscall.Lstat(path, &n.st); err {
		case nil:
			n.seen = true
			return nil
		case syscall.EINTR:
		default:
			return &fs.PathError{Op: "lstat", Path: name, Err: err}
		}
	}
}

// nodeOf is what another way of looking told, if anything.
func nodeOf(info fs.FileInfo) node {
	if info == nil {
		return node{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return node{}
	}
	return node{st: *st, seen: true}
}

func (n *node) size() int64 { return n.st.Size }

func (n *node) identity() (identity, bool) { return identityFrom(&n.st), n.seen }

// mode is st_mode in Go's words.
func (n *node) mode() fs.FileMode {
	mode := uint32(n.st.Mode) //nolint:unconvert // 16 bits on macOS
	out := fs.FileMode(mode&0o777) | kindOf(mode)
	if mode&syscall.S_ISUID != 0 {
		out |= fs.ModeSetuid
	}
	if mode&syscall.S_ISGID != 0 {
		out |= fs.ModeSetgid
	}
	if mode&syscall.S_ISVTX != 0 {
		out |= fs.ModeSticky
	}
	return out
}

func kindOf(mode uint32) fs.FileMode {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return 0
	case syscall.S_IFDIR:
		return fs.ModeDir
	case syscall.S_IFLNK:
		return fs.ModeSymlink
	case syscall.S_IFCHR:
		return fs.ModeDevice | fs.ModeCharDevice
	case syscall.S_IFBLK:
		return fs.ModeDevice
	case syscall.S_IFIFO:
		return fs.ModeNamedPipe
	case syscall.S_IFSOCK:
		return fs.ModeSocket
	}
	return fs.ModeIrregular
}
