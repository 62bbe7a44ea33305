// SPDX-License-Identifier: Apache-2.0

// Package regular opens files whose names somebody else chose, or that stand where
// somebody else may write: a configuration, a registry's directory, what an author
// left beside a plugin. A pipe in the place of a file would make the reader wait
// for a writer, a device would never end, and a large file would fill the memory.
// The first two are refused without waiting, and ReadFile bounds the third.
//
// Links are followed, by OpenIn only within its root. Package durable reads a
// program's own files and follows none.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Err is why a directory, a pipe, a socket or a device is refused, inside an
// *fs.PathError.
var Err = errors.New("not a regular file")

// flags of every open. Without O_NONBLOCK that of a pipe waits for a writer.
const flags = os.O_RDONLY | syscall.O_NONBLOCK

// Open opens a regular file to read it, and says what the open file is.
func Open(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(name, flags, 0)
	return checked(f, name, err)
}

// OpenIn is Open of a name with slashes below a root, which it does not leave.
func OpenIn(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.OpenFile(filepath.FromSlash(name), flags, 0)
	return checked(f, name, err)
}

func checked(f *os.File, name string, err error) (*os.File, fs.FileInfo, error) {
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: Err}
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, nil, err
	}
	return f, info, nil
}

// ReadFile reads a regular file of at most limit bytes.
func ReadFile(name string, limit int64) ([]byte, error) {
	f, _, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("larger than %d bytes, the most that is read", limit)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
