// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// tree is a directory that files are written to. It is held open, so that no
// name and no link leads out of it.
type tree struct {
	root *os.Root
	dirs map[string]bool
	copy []byte
}

func newTree(root *os.Root) *tree {
	return &tree{root: root, dirs: map[string]bool{}, copy: make([]byte, 128<<10)}
}

// readError is an error of what is copied, not of where it goes.
type readError struct{ err error }

// Error implements error.
func (e *readError) Error() string { return e.err.Error() }

// write makes a file of so many bytes and brings it to disk. It returns the
// content of a manifest.
func (t *tree) write(e entry, content io.Reader) (sum Sum, data []byte, err error) {
	if err := t.makeDirs(e.name); err != nil {
		return sum, nil, err
	}
	f, err := t.root.OpenFile(filepath.FromSlash(e.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return sum, nil, err
	}
	h, kept := sha256.New(), new(bytes.Buffer)
	to := io.MultiWriter(f, h)
	if e.name == manifest.FileName {
		to = io.MultiWriter(f, h, kept)
	}
	err = errors.Join(t.fill(to, content, e.size), finish(f, e))
	return Sum(h.Sum(nil)), kept.Bytes(), err
}

func (t *tree) fill(to io.Writer, content io.Reader, size int64) error {
	for size > 0 {
		n, err := io.ReadFull(content, t.copy[:min(size, int64(len(t.copy)))])
		if err != nil {
			return &readError{err}
		}
		if _, err := to.Write(t.copy[:n]); err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// finish makes a file read-only and brings it to disk.
func finish(f *os.File, e entry) error {
	return errors.Join(f.Chmod(fs.FileMode(e.mode()&^0o222)), f.Sync(), f.Close())
}

func (t *tree) makeDirs(name string) error {
	dir := path.Dir(name)
	if dir == "." || t.dirs[dir] {
		return nil
	}
	for d := dir; d != "."; d = path.Dir(d) {
		t.dirs[d] = true
	}
	return t.root.MkdirAll(filepath.FromSlash(dir), 0o755)
}

// seal makes the directories read-only and brings the names in them to disk,
// those in the deepest first.
func (t *tree) seal() error {
	dirs := slices.SortedFunc(maps.Keys(t.dirs), func(a, b string) int { return len(b) - len(a) })
	for _, dir := range dirs {
		name := filepath.Join(t.root.Name(), filepath.FromSlash(dir))
		if err := errors.Join(os.Chmod(name, 0o555), durable.SyncDir(name)); err != nil {
			return fmt.Errorf("unpacking an archive: %w", err)
		}
	}
	if err := os.Chmod(t.root.Name(), 0o755); err != nil {
		return fmt.Errorf("unpacking an archive: %w", err)
	}
	if err := durable.SyncDir(t.root.Name()); err != nil {
		return fmt.Errorf("unpacking an archive: %w", err)
	}
	return nil
}

// Remove deletes an unpacked directory, whose directories are read-only. One that
// is not there is fine.
func Remove(dir string) error {
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if d == nil || !d.IsDir() {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return os.Chmod(name, 0o700)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	return os.RemoveAll(dir)
}
