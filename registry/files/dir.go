// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/internal/regular"
)

// lockName is the lock of a directory's writers; no file of a registry has it.
const lockName = ".lock"

// dir is a registry in a directory. It opens the directory for each operation, so
// that it follows when the directory is replaced, and holds nothing open.
type dir struct {
	path string // absolute
	fail durable.Fail
}

func openDir(name string, o Options, write bool) (Source, error) {
	if name == "" {
		return nil, &AddressError{name, "it is empty"}
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if write {
		if err := os.MkdirAll(abs, 0o755); err != nil {
			return nil, fmt.Errorf("making the directory of the registry: %w", err)
		}
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("opening the registry: %w; check its address, and whether the medium that it is on is there", err)
	}
	if !info.IsDir() {
		return nil, &AddressError{abs, "it is no directory"}
	}
	return &dir{abs, o.Fail}, nil
}

// String is the path of the directory.
func (d *dir) String() string { return d.path }

// Open reads a file; see Source.
func (d *dir) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error) {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return nil, Info{}, err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, Info{}, fmt.Errorf("opening the registry: %w", err)
	}
	defer root.Close()
	f, info, err := regular.OpenIn(root, name)
	if err != nil {
		return nil, Info{}, fmt.Errorf("reading from the registry %s: %w", d.path, err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		_ = f.Close() // nothing was read
		return nil, Info{}, err
	}
	tag := fmt.Sprintf("%x-%x", info.Size(), info.ModTime().UnixNano())
	return &contextReader{ctx, f}, Info{Size: info.Size(), Tag: tag, Offset: offset}, nil
}

// Put replaces a file; see Store.
func (d *dir) Put(ctx context.Context, name string, data io.Reader) error {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return fmt.Errorf("opening the registry: %w", err)
	}
	defer root.Close()
	if err := d.put(root, name, &contextReader{ctx, io.NopCloser(data)}); err != nil {
		return fmt.Errorf("writing %s of the registry %s: %w", name, d.path, err)
	}
	return nil
}

func (d *dir) put(root *os.Root, name string, data io.Reader) error {
	if err := d.makeDirs(root, path.Dir(name)); err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), durable.TempPrefix+rand.Text())
	if err := d.temp(root, temp, data); err != nil {
		_ = root.Remove(filepath.FromSlash(temp)) // what was written is of no use
		return err
	}
	return durable.Rename(d.at(temp), d.at(name), d.fail)
}

// temp writes a new file and brings its bytes to disk.
func (d *dir) temp(root *os.Root, name string, data io.Reader) error {
	if err := d.step(durable.StepCreate); err != nil {
		return err
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = d.step(durable.StepWrite)
	if err == nil {
		_, err = io.Copy(f, data)
	}
	if err == nil {
		err = d.step(durable.StepSync)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDirs makes the directories of a name and brings theirs to disk.
func (d *dir) makeDirs(root *os.Root, name string) error {
	if name == "." {
		return nil
	}
	if info, err := root.Stat(filepath.FromSlash(name)); err == nil && info.IsDir() {
		return nil
	}
	parent := path.Dir(name)
	if err := d.makeDirs(root, parent); err != nil {
		return err
	}
	if err := root.Mkdir(filepath.FromSlash(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(d.at(parent))
}

// Lock keeps other writers out; see Store. It removes what writers left that
// died, too.
func (d *dir) Lock(ctx context.Context) (func() error, error) {
	lock, err := acquire(ctx, d.at(lockName))
	if err != nil {
		return nil, fmt.Errorf("locking the registry %s: %w", d.path, err)
	}
	d.sweep(time.Now())
	return lock.Release, nil
}

// sweep removes files that a writer which died did not rename.
func (d *dir) sweep(now time.Time) {
	_ = filepath.WalkDir(d.path, func(name string, e fs.DirEntry, err error) error {
		if err == nil && durable.Abandoned(e, now) {
			_ = os.Remove(name) // the next writer tries again
		}
		return nil
	})
}

func (d *dir) at(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

func (d *dir) step(name string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(name)
}

// contextReader ends reading when its context does.
type contextReader struct {
	ctx context.Context
	io.ReadCloser
}

// Read is that of io.Reader.
func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, ended(r.ctx)
	}
	return r.ReadCloser.Read(p)
}
