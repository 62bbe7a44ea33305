// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package plugin

import (
	"cmp"
	"fmt"
	"net"
	"os"
)

// checkOwner makes sure that the process behind a connection is this user's.
func checkOwner(conn net.Conn) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var uid int
	if ctl := raw.Control(func(fd uintptr) { uid, err = peerUID(int(fd)) }); ctl != nil || err != nil {
		return fmt.Errorf("who serves on it cannot be told: %w", cmp.Or(ctl, err))
	}
	if uid != os.Geteuid() {
		return fmt.Errorf("it is served by user %d, and you are user %d", uid, os.Geteuid())
	}
	return nil
}
