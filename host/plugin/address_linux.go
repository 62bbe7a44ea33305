// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// openSocket opens a socket of the plugin's directory without following links
// and names it by its descriptor, which no rename can redirect.
func openSocket(p *sandbox.Process, name string) (string, func(), error) {
	dir := p.DirFile()
	if dir == nil {
		return "", nil, errors.New("the plugin is gone")
	}
	raw, err := dir.SyscallConn()
	if err != nil {
		return "", nil, err
	}
	fd := -1
	if ctl := raw.Control(func(dirFD uintptr) {
		how := unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
		}
		fd, err = unix.Openat2(int(dirFD), name, &how)
	}); ctl != nil {
		return "", nil, ctl
	}
	if err != nil {
		return "", nil, err
	}
	if err := isSocket(fd); err != nil {
		_ = unix.Close(fd)
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), func() { _ = unix.Close(fd) }, nil
}

func isSocket(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return errors.New("it is not a socket")
	}
	return nil
}

// checkPeer makes sure that the process behind a connection is the plugin.
func checkPeer(conn net.Conn, pid int) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	if ctl := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); ctl != nil {
		return ctl
	}
	if err != nil {
		return err
	}
	if int(peer.Pid) != pid {
		return fmt.Errorf("the socket is served by process %d, the plugin is %d", peer.Pid, pid)
	}
	return nil
}
