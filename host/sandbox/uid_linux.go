// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// The range that systemd reserves for dynamic service users.
const (
	firstUID = 61184
	lastUID  = 65519
)

// takeUID reserves a uid that no other running sandbox of this machine uses. The
// reservation is an abstract socket name, which the kernel frees with the
// process, so that a killed host leaves nothing to clean up.
func takeUID() (uid int, release func(), err error) {
	count := lastUID - firstUID + 1
	start := rand.IntN(count)
	for i := range count {
		uid = firstUID + (start+i)%count
		if release, err = reserve(fmt.Sprintf("bulkhead-sandbox-uid-%d", uid)); err == nil {
			return uid, release, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return -1, nil, os.NewSyscallError("reserve uid", err)
		}
	}
	return -1, nil, fmt.Errorf("every uid from %d to %d is taken", firstUID, lastUID)
}

// reserve binds an abstract socket name until release is called.
func reserve(name string) (release func(), err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return func() { _ = unix.Close(fd) }, nil
}
