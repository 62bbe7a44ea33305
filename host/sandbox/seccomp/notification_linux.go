// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is struct seccomp_notif. Its size is part of the number of the
// request that fills it in, so that it cannot change under a program.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  call
}

// call is struct seccomp_data.
type call struct {
	number      int32
	arch        uint32
	instruction uint64
	arguments   [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	errno int32 // negative
	flags uint32
}

// notified says what there is to receive from a listener, without waiting.
func notified(fd int) (pending, over bool) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return fds[0].Revents&unix.POLLIN != 0, err != nil || fds[0].Revents&^unix.POLLIN&^unix.POLLOUT != 0
	}
}

// receive takes the next notification. ENOENT means that its caller is gone.
func receive(fd int) (notification, error) {
	var n notification
	err := request(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n))
	return n, err
}

// answer ends a call with an errno. ENOENT means that its caller is gone.
func answer(fd int, id uint64, errno unix.Errno) error {
	r := response{id: id, errno: -int32(errno)}
	return request(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

func request(fd int, number uint, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(number), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return errno
	}
}
