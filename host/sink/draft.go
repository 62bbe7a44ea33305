// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// draft is the temporary file beside a target.
type draft struct {
	target string // absolute, with symbolic links followed
	file   *os.File
	gone   bool // renamed or removed
}

// newDraft looks at the target and makes the file.
func newDraft(spec Spec) (*draft, error) {
	target, err := filepath.Abs(spec.Path)
	if err != nil {
		return nil, newError(spec.Path, "Path that cannot be used", "%v.", err).because(err)
	}
	d := &draft{target: follow(target)}
	mode, err := d.mode()
	if err != nil {
		return nil, err
	}
	if err := spec.fail("create"); err != nil {
		return nil, d.failed(err)
	}
	name := filepath.Join(filepath.Dir(d.target), "."+filepath.Base(d.target)+".new-"+rand.Text()[:12])
	d.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, d.failed(err)
	}
	return d, nil
}

// follow resolves symbolic links, also one that leads to no file yet.
func follow(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	link, err := os.Readlink(path)
	if err != nil {
		return path
	}
	if !filepath.IsAbs(link) {
		link = filepath.Join(filepath.Dir(path), link)
	}
	return link
}

// mode is that of the target, or the usual one of a new file.
func (d *draft) mode() (fs.FileMode, error) {
	info, err := os.Lstat(d.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0o666, nil
	case err != nil:
		return 0, d.failed(err)
	case info.IsDir():
		return 0, newError(d.target, "A directory instead of a file", "A sink writes one file. Name a file in this directory.")
	case !info.Mode().IsRegular():
		return 0, newError(d.target, "Not a regular file", "A sink puts a new file in the place of the old one, which would replace this %s. Name another path.", info.Mode().Type())
	}
	return info.Mode().Perm(), nil
}

// failed names an error of the system.
func (d *draft) failed(err error) error {
	if _, ours := errors.AsType[*Error](err); ours {
		return err
	}
	path, isPath := errors.AsType[*fs.PathError](err)
	_, isLink := errors.AsType[*os.LinkError](err)
	switch {
	case isNoSpace(err):
		return newError(d.target, "No room for the file", "The disk is full: %v. Free some space or choose another disk; what the file held before is unchanged.", err).because(err)
	case errors.Is(err, fs.ErrNotExist):
		return newError(d.target, "Missing directory", "The directory %s is not there. Make it first: mkdir -p %s.", filepath.Dir(d.target), filepath.Dir(d.target)).because(err)
	case errors.Is(err, fs.ErrPermission):
		return newError(d.target, "File that may not be written", "The system refuses: %v. Change the permissions of the directory or choose another one.", err).because(err)
	case isPath && path != nil || isLink:
		return newError(d.target, "File that cannot be written", "%v. What the file held before is unchanged.", err).because(err)
	}
	return err // of the caller's context or of the plugin
}

// sync brings the file to disk.
func (d *draft) sync() error { return d.file.Sync() }

// digest reads the file once more, whoever wrote it.
func (d *draft) digest() (int64, string, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(d.file, 0, 1<<62))
	return n, hex.EncodeToString(sum.Sum(nil)), err
}

// rename puts the file in the place of the target.
func (d *draft) rename() error {
	name := d.file.Name()
	if err := d.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(name, d.target); err != nil {
		return err
	}
	d.gone = true
	return nil
}

func (d *draft) syncDir() error { return syncDir(filepath.Dir(d.target)) }

// remove takes the file away, unless it has become the target.
func (d *draft) remove() {
	if d.gone {
		return
	}
	d.gone = true
	_ = d.file.Close() // it is thrown away
	os.Remove(d.file.Name())
}
