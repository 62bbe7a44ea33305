// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ReadFile reads a file of at most MaxFileBytes.
func (t *Target) ReadFile(name string) ([]byte, error) {
	f, resolved, size, err := t.reader(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readWhole(f, size)
	t.has(resolved, data, err)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// ReadText reads a small file and trims the space around it; "" when it cannot
// be read.
func (t *Target) ReadText(name string) string {
	data, err := t.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// ReadHead reads the beginning of a file: until enough holds of what was read,
// the file ends, or MaxFileBytes were read. It reads into buf, which must not be
// empty, and goes on in a larger one. Of a file that cannot be opened it returns
// nil. What is read of a file of /proc or /sys leaves no trace, as with Open.
func (t *Target) ReadHead(name string, buf []byte, enough func([]byte) bool) ([]byte, error) {
	f, resolved, size, err := t.reader(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if t.inputs != nil && t.inputs.timeless(resolved) {
		t.inputs.forget(resolved + " was read in part, which leaves no trace")
	}
	data, err := readUntil(f, buf, size, enough)
	return data, t.rename(err, name)
}

// Open opens a regular file or a directory for reading. Devices, sockets and
// pipes are refused, since reading one may block or act. What is read of a
// directory, or of a file of /proc or /sys, leaves no trace, so that no facts are
// kept then: use List, and ReadFile.
func (t *Target) Open(name string) (*os.File, error) {
	var n node
	resolved, err := t.readable(name, &n)
	if err != nil {
		return nil, err
	}
	f, err := openFile(t.host(resolved))
	if err == nil && t.inputs != nil && (n.mode().IsDir() || t.inputs.timeless(resolved)) {
		t.inputs.forget(resolved + " was opened, and what is read of it leaves no trace")
	}
	return f, t.rename(err, name)
}

// readable finds what may be opened.
func (t *Target) readable(name string, n *node) (string, error) {
	resolved, err := t.find(name, n)
	if err != nil {
		return "", err
	}
	if kind := n.mode().Type(); kind&^fs.ModeDir != 0 {
		return "", &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("not a regular file (%s)", kind)}
	}
	t.looked(resolved, n, nil, false)
	return resolved, nil
}

// reader opens a file that is read from its beginning and nothing else. The size
// is what it seems to be: files of /proc say 0.
func (t *Target) reader(name string) (f io.ReadCloser, resolved string, size int64, err error) {
	var n node
	if resolved, err = t.readable(name, &n); err != nil {
		return nil, "", 0, err
	}
	if f, err = openReader(t.host(resolved)); err != nil {
		return nil, "", 0, t.rename(err, name)
	}
	return f, resolved, n.size(), nil
}

// readWhole reads a file of at most MaxFileBytes.
func readWhole(f io.Reader, size int64) ([]byte, error) {
	data, err := readUntil(f, make([]byte, min(max(size, 0), MaxFileBytes)+bytes.MinRead), size, nil)
	if err == nil && len(data) > MaxFileBytes {
		err = ErrTooLarge
	}
	return data, err
}

// readUntil reads until enough holds, the file ends, or more than MaxFileBytes
// were read. A file that has the size which it said is read to its end: to hear
// so from the system costs as much as the bytes do.
func readUntil(f io.Reader, buf []byte, size int64, enough func([]byte) bool) ([]byte, error) {
	for n := 0; ; {
		k, err := f.Read(buf[n:])
		n += k
		if errors.Is(err, io.EOF) {
			err = nil
			size = int64(n)
		}
		if err != nil || int64(n) == size || n > MaxFileBytes || enough != nil && enough(buf[:n]) {
			return buf[:n], err
		}
		if n == len(buf) {
			buf = append(buf, make([]byte, min(3*n, MaxFileBytes+1-n))...)
		}
	}
}
