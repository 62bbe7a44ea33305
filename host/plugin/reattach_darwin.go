// SPDX-License-Identifier: Apache-2.0

package plugin

import "golang.org/x/sys/unix"

// peerUID is the user of the process at the other end of a Unix socket.
func peerUID(fd int) (int, error) {
	peer, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(peer.Uid), nil
}
