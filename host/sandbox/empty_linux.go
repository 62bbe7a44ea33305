// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// emptyDirectory removes what a program left in its private directory. It needs a
// handful of descriptors however deep the tree is: a program could lay one so deep
// that the host ran out of them.
func emptyDirectory(name string) error {
	root, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	e := &emptying{root: root}
	for {
		names, err := namesOf(root)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if err := e.remove(name); err != nil {
				return fmt.Errorf("remove %q: %w", name, err)
			}
		}
	}
}

// emptying is a removal under way.
type emptying struct {
	root  int
	moved int // directories that were moved up to the root
}

// remove removes an entry of the root. Directories in it become entries of the
// root, for a later round.
func (e *emptying) remove(name string) error {
	if err := unix.Unlinkat(e.root, name, 0); err == nil || err == unix.ENOENT {
		return nil
	}
	dir, err := openInside(e.root, name)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	err = eachName(dir, func(inner string) bool {
		if unix.Unlinkat(dir, inner, 0) != nil {
			err = e.moveUp(dir, inner)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return unix.Unlinkat(e.root, name, unix.AT_REMOVEDIR)
}

// moveUp makes a directory an entry of the root. To be moved it must be writable.
func (e *emptying) moveUp(dir int, name string) error {
	sub, err := openInside(dir, name)
	if err != nil {
		return err
	}
	_ = unix.Close(sub)
	for {
		e.moved++
		err := unix.Renameat(dir, name, e.root, fmt.Sprintf("moved-%d", e.moved))
		if err != unix.EEXIST && err != unix.ENOTEMPTY && err != unix.ENOTDIR { // the name is taken
			return err
		}
	}
}

// openInside opens a directory in another one without following a link, and
// makes it accessible to the host first if its owner, the program, did not.
func openInside(dir int, name string) (int, error) {
	handle, err := unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(handle)
	var st unix.Stat_t
	if err := unix.Fstat(handle, &st); err != nil {
		return -1, err
	}
	if st.Mode&0o700 != 0o700 {
		_ = unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", handle), 0o700) // else the next call says why
	}
	return unix.Openat(handle, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// eachName calls a function with the names in a directory until that says no. The
// directory is read from its beginning and stays open.
func eachName(dir int, more func(name string) bool) error {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "directory")
	defer f.Close()
	for {
		names, err := f.Readdirnames(256)
		for _, name := range names {
			if !more(name) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// namesOf lists a directory.
func namesOf(dir int) (names []string, err error) {
	err = eachName(dir, func(name string) bool {
		names = append(names, name)
		return true
	})
	return names, err
}
