// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// openSocket checks that the name is a socket and no link to one. The plugin
// could swap it afterwards; checkPeer notices that.
func openSocket(p *sandbox.Process, name string) (string, func(), error) {
	file := filepath.Join(p.SocketDir(), name)
	info, err := os.Lstat(file)
	if err != nil {
		return "", nil, err
	}
	if info.Mode().Type() != os.ModeSocket {
		return "", nil, errors.New("it is not a socket")
	}
	return file, func() {}, nil
}

// checkPeer makes sure that the process behind a connection is the plugin.
func checkPeer(conn net.Conn, pid int) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var peer int
	if ctl := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	}); ctl != nil {
		return ctl
	}
	if err != nil {
		return err
	}
	if peer != pid {
		return fmt.Errorf("the socket is served by process %d, the plugin is %d", peer, pid)
	}
	return nil
}
