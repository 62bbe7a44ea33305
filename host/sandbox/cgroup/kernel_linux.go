// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel is what changes control groups. The tests put a model of cgroupfs in
// its place, because a plain directory does not make control files.
type kernel interface {
	mkdir(dir string) error
	rmdir(dir string) error
	write(path, value string) error
	writable(path string) error // whether this user may write the file
}

// cgroupfs is the real thing.
type cgroupfs struct{}

func (cgroupfs) mkdir(dir string) error {
	return ignoringEINTR(func() error { return unix.Mkdir(dir, 0o755) })
}
func (cgroupfs) rmdir(dir string) error {
	return ignoringEINTR(func() error { return unix.Rmdir(dir) })
}

// write replaces the value of a control file. One write is one request to the
// kernel, so a short write is an error.
func (cgroupfs) write(path, value string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return ignoringEINTR(func() error {
		n, err := unix.Write(fd, []byte(value))
		if err == nil && n < len(value) {
			return errShort
		}
		return err
	})
}

var errShort = errors.New("the kernel took a part of the value only")

// open opens without the runtime's poller, which control files do not need.
func open(path string, flags int) (fd int, err error) {
	err = ignoringEINTR(func() error {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// openFile is open for a file that is handed out.
func openFile(path string, flags int) (*os.File, error) {
	fd, err := open(path, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// fileMax bounds every file that is read: a machine with 40,000 mounts or half a
// million processes in one group stays below it.
const fileMax = 8 << 20

// read returns a whole file of /proc or cgroupfs, at most fileMax bytes of it.
func read(path string) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	data := make([]byte, 0, 512)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return data, nil
		}
		if data = data[:len(data)+n]; len(data) > fileMax {
			return nil, fmt.Errorf("%s is larger than %d bytes", path, fileMax)
		}
	}
}

// readWords returns the words of a control file; none when it cannot be read.
func readWords(path string) []string {
	data, err := read(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}

// writable opens the file, which is when the kernel checks.
func (cgroupfs) writable(path string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func exists(path string) bool {
	var stat unix.Stat_t
	return unix.Lstat(path, &stat) == nil
}

// gone says that a path is not there, or that its control group was removed
// while a file of it was open.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
