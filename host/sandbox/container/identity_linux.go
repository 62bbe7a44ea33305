// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// identity is the file that a bind must show. Runtimes mount by path, and a path
// can be redirected between its verification and the mount.
type identity struct {
	Target   string
	Dev, Ino uint64
}

// identitiesOf are those of the binds that the caller has verified. A device
// node is made anew, by its numbers.
func identitiesOf(binds []Bind) (out []identity) {
	for _, b := range binds {
		if b.Ino != 0 && b.Access != Device {
			out = append(out, identity{b.Target, b.Dev, b.Ino})
		}
	}
	return out
}

// checkIdentities looks at the binds as a process of the container sees them. It
// is an error of permission while this user may not look into the process.
func checkIdentities(pid int, want []identity) error {
	if len(want) == 0 {
		return nil
	}
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open the container's root", err)
	}
	defer unix.Close(root)
	for _, w := range want {
		if err := w.check(root); err != nil {
			return err
		}
	}
	return nil
}

func (w identity) check(root int) error {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(root, w.Target, &how)
	if err != nil {
		return fmt.Errorf("the grant at %s cannot be found: %w", w.Target, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Dev != w.Dev || st.Ino != w.Ino {
		return fmt.Errorf("the grant at %s is another file than the one that was verified", w.Target)
	}
	return nil
}

// awaitIdentities is checkIdentities for a program that was just started. A
// process that builds its walls cannot be looked into by an ordinary user until
// it has become the program.
func awaitIdentities(pid int, want []identity) error {
	for deadline := time.Now().Add(lookTime); ; time.Sleep(2 * time.Millisecond) {
		err := checkIdentities(pid, want)
		switch {
		case err == nil, errors.Is(err, unix.ENOENT) && over(pid):
			return nil
		case !errors.Is(err, os.ErrPermission) || time.Now().After(deadline):
			return err
		}
	}
}

// over reports whether a process is gone or only waits to be collected.
func over(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	state := parseStatus(string(text))["State"]
	return err != nil || len(state) > 0 && (state[0] == 'Z' || state[0] == 'X')
}
