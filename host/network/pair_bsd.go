// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package network

import (
	"net"
	"os"
	"syscall"
)

// macOS has no records on local sockets: messages carry their length there.
const (
	doorType   = syscall.SOCK_STREAM
	streamType = syscall.SOCK_STREAM
)

// socketPair makes two connected sockets in blocking mode, which is what a
// program that inherits one expects.
func socketPair(kind int) (a, b *os.File, err error) {
	// A fork in between would inherit them.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return nil, nil, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return os.NewFile(uintptr(fds[0]), "host's end"), os.NewFile(uintptr(fds[1]), "plugin's end"), nil
}

// gone is false: poll tells less here, and the next write finds out.
func gone(*net.UnixConn) bool { return false }
