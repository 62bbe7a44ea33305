// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"

	"golang.org/x/sys/unix"
)

// foreignPID is a process by its descriptor, which no other process can take over.
type foreignPID int

func watchForeign(pid int) (foreign, error) {
	if pid <= 0 {
		return nil, unix.ESRCH
	}
	fd, err := unix.PidfdOpen(pid, 0)
	return foreignPID(fd), err
}

func (f foreignPID) ended() bool {
	fds := []unix.PollFd{{Fd: int32(f), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}

func (f foreignPID) close() { _ = unix.Close(int(f)) }
