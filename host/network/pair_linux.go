// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const (
	doorType   = unix.SOCK_SEQPACKET
	streamType = unix.SOCK_STREAM
)

// socketPair makes two connected sockets in blocking mode, which is what a
// program that inherits one expects.
func socketPair(kind int) (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "host's end"), os.NewFile(uintptr(fds[1]), "plugin's end"), nil
}

// gone tells whether the far end of a connection is closed for good, rather than
// only for writing. Nobody is left then to wait for an answer.
func gone(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	hungUp := false
	err = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		_, _ = unix.Poll(poll, 0)
		hungUp = poll[0].Revents&unix.POLLHUP != 0
	})
	return err != nil || hungUp
}
