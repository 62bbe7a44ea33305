// SPDX-License-Identifier: Apache-2.0

package watchdog

import "golang.org/x/sys/unix"

// hostDeath returns a channel that is closed when the process ends. It stays
// open when the kernel refuses to tell.
func hostDeath(pid int) <-chan struct{} {
	gone := make(chan struct{})
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return gone
	}
	go func() {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			if n, err := unix.Poll(poll, -1); n > 0 {
				close(gone)
				return
			} else if err != nil && err != unix.EINTR {
				return
			}
		}
	}()
	return gone
}
