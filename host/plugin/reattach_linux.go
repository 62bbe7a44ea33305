// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// checkOwner makes sure that the process behind a connection is this user's.
func checkOwner(conn net.Conn) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	if ctl := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); ctl != nil || err != nil {
		return fmt.Errorf("who serves on it cannot be told: %w", cmp.Or(ctl, err))
	}
	if int(peer.Uid) != os.Geteuid() {
		return fmt.Errorf("it is served by user %d, and you are user %d", peer.Uid, os.Geteuid())
	}
	return nil
}
