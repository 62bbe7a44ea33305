// SPDX-License-Identifier: Apache-2.0

package watchdog

import "golang.org/x/sys/unix"

// hostDeath returns a channel that is closed when the process ends. It stays
// open when the kernel refuses to tell.
func hostDeath(pid int) <-chan struct{} {
	gone := make(chan struct{})
	queue, err := unix.Kqueue()
	if err != nil {
		return gone
	}
	event := unix.Kevent_t{Ident: uint64(pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD | unix.EV_ONESHOT, Fflags: unix.NOTE_EXIT}
	go func() {
		var got [1]unix.Kevent_t
		for {
			n, err := unix.Kevent(queue, []unix.Kevent_t{event}, got[:], nil)
			switch {
			case err == unix.ESRCH || n > 0:
				close(gone)
				return
			case err != nil && err != unix.EINTR:
				return
			}
		}
	}()
	return gone
}
