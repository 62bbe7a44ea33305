// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// localSockets listens on a socket in the file system and on an abstract one.
func (s *stage) localSockets() error {
	s.scene.Unix = filepath.Join(s.dir, "socket")
	named, err := net.Listen("unix", s.scene.Unix)
	if err != nil {
		return err
	}
	s.accept(named, "a socket of the file system was reached")
	s.scene.Abstract = "bulkhead-selftest-" + rand.Text()
	abstract, err := net.Listen("unix", "@"+s.scene.Abstract)
	if err != nil {
		return err
	}
	s.accept(abstract, "an abstract socket was reached")
	return os.Chmod(s.scene.Unix, 0o777)
}

// memory shares a page for reading: a memory file whose size and content are
// sealed against others, opened once more without the right to write.
func (s *stage) memory() error {
	fd, err := unix.MemfdCreate("selftest", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, 4096); err != nil {
		return err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	s.sealed, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	s.scene.SealedFD = 3 // the first that is inherited
	return err
}
