// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	fspath "path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of the kernel, with its NUL.
const maxPath = 4096

// tracee is a thread whose call waits for an answer.
type tracee struct {
	pid  int
	root **os.File // the root of all threads of the program, opened once
}

// path is the name that a call gives, absolute in the program's view. It is not
// ok where the name is empty, and so about a descriptor, or cannot be read.
func (t *tracee) path(c *call, n name) (string, bool) {
	p, ok := t.text(c.arguments[n.path])
	if !ok || p == "" {
		return "", false
	}
	if fspath.IsAbs(p) {
		return fspath.Clean(p), true
	}
	base, ok := t.base(c, n.dir)
	return fspath.Join(base, p), ok
}

// base is the directory that a relative name begins at.
func (t *tracee) base(c *call, arg int) (string, bool) {
	link := "cwd"
	if arg >= 0 && int32(c.arguments[arg]) != unix.AT_FDCWD {
		link = fmt.Sprintf("fd/%d", int32(c.arguments[arg]))
	}
	base, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", t.pid, link))
	return base, err == nil && fspath.IsAbs(base)
}

// text reads a text that ends with NUL, page by page: the next page may not be
// there.
func (t *tracee) text(at uint64) (string, bool) {
	var out []byte
	page := uint64(os.Getpagesize())
	for len(out) < maxPath {
		part := make([]byte, min(page-at%page, uint64(maxPath-len(out))))
		n, ok := t.read(at, part)
		if !ok {
			return "", false
		}
		if end := bytes.IndexByte(part[:n], 0); end >= 0 {
			return string(append(out, part[:end]...)), true
		}
		out, at = append(out, part[:n]...), at+uint64(n)
	}
	return "", false
}

// word reads 64 bits.
func (t *tracee) word(at uint64) (uint64, bool) {
	var b [8]byte
	n, ok := t.read(at, b[:])
	return binary.NativeEndian.Uint64(b[:]), ok && n == len(b)
}

func (t *tracee) read(at uint64, into []byte) (int, bool) {
	local := []unix.Iovec{{Base: &into[0]}}
	local[0].SetLen(len(into))
	n, err := unix.ProcessVMReadv(t.pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(into)}}, 0)
	return n, err == nil && n > 0
}

// describe looks the name up in the program's own view. Paths below /proc lead to
// whoever asks, so that of those only the text counts.
func (t *tracee) describe(touch *Touch, link bool) {
	root, err := t.view()
	if err != nil || strings.HasPrefix(touch.Path, "/proc/") {
		return
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if link {
		how.Flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat2(int(root.Fd()), touch.Path, &how)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return
	}
	touch.Found = true
	touch.Directory = st.Mode&unix.S_IFMT == unix.S_IFDIR
	touch.Device = st.Mode&unix.S_IFMT == unix.S_IFCHR || st.Mode&unix.S_IFMT == unix.S_IFBLK
}

// view is the program's root. No program can get another one.
func (t *tracee) view() (*os.File, error) {
	if *t.root != nil {
		return *t.root, nil
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root", t.pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	*t.root = os.NewFile(uintptr(fd), "root of a traced program")
	return *t.root, nil
}

// proceed lets the kernel carry a call out as if nobody had been asked.
func proceed(fd int, id uint64) error {
	r := response{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	return request(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

// waits reports whether the caller of a notification still waits for its answer.
func waits(fd int, id uint64) bool {
	return request(fd, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)) == nil
}
