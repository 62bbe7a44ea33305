// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fact

import (
	"io"
	"io/fs"
	"os"
	"syscall"
)

// openFile is os.Open for what is known to be a regular file or a directory.
// os.Open offers each file to the poller of the network, which takes neither:
// five more system calls, for hundreds of small files.
func openFile(name string) (*os.File, error) {
	fd, err := openDescriptor(name)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openReader is openFile for what is read once, from its beginning.
func openReader(name string) (io.ReadCloser, error) { return openDescriptor(name) }

func openDescriptor(name string) (descriptor, error) {
	for {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch err {
		case nil:
			return descriptor(fd), nil
		case syscall.EINTR: // a slow file system, as of a network
		default:
			return -1, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// descriptor is an open file without an os.File around it, which would ask what
// kind it is and could wait.
type descriptor int

// Read reads once, again after a signal.
func (d descriptor) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(d), p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, &fs.PathError{Op: "read", Err: err}
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Close closes the file.
func (d descriptor) Close() error { return syscall.Close(int(d)) }
