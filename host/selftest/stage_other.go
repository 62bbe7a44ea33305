// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package selftest

import (
	"net"
	"os"
	"path/filepath"
)

// localSockets listens on a socket in the file system.
func (s *stage) localSockets() error {
	s.scene.Unix = filepath.Join(s.dir, "socket")
	named, err := net.Listen("unix", s.scene.Unix)
	if err != nil {
		return err
	}
	s.accept(named, "a socket of the file system was reached")
	return os.Chmod(s.scene.Unix, 0o777)
}

// memory shares nothing: there are no sealed memory files here.
func (s *stage) memory() error { return nil }
