// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// draft is the temporary file beside a target.
type draft struct {
	target string // absolute, with symbolic links followed
	file   *os.File
	name   string // of the file, which keep changes
	gone   bool   // renamed or removed
}

// newDraft looks at the target, clears what killed processes left beside it, and
// makes the file.
func newDraft(spec Spec) (*draft, error) {
	d, mode, err := aim(spec)
	if err != nil {
		return nil, err
	}
	if err := spec.fail("create"); err != nil {
		return nil, d.failed(err)
	}
	d.sweep()
	if err := d.create(mode); err != nil {
		return nil, d.failed(err)
	}
	return d, nil
}

// aim finds the target, and the mode of what will be in its place.
func aim(spec Spec) (*draft, fs.FileMode, error) {
	target, err := filepath.Abs(spec.Path)
	if err != nil {
		return nil, 0, newError(spec.Path, "Path that cannot be used", "%v.", err).because(err)
	}
	d := &draft{target: follow(target)}
	mode, err := d.mode()
	return d, mode, err
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
		return 0, newError(d.target, "Not a regular file", "A sink puts a new file in the place of the old one, and there is %s. Name another path.", kindOf(info.Mode()))
	}
	return info.Mode().Perm(), nil
}

// kindOf a file that is neither regular nor a directory.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link that leads to no file"
	}
	return "something else"
}

// failed names an error of the system.
func (d *draft) failed(err error) error {
	target := d.target
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
	if d, ok := errors.AsType[*diag.Diagnostic](err); ok { // of the plugin
		return newError(target, d.Summary, "%s What the file held before is unchanged.", d.Detail).because(err)
	}
	return err // of the caller's context, or a plugin that was lost
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
	if err := d.move(d.target); err != nil {
		return err
	}
	d.gone = true
	if renamesOpenFiles {
		_ = d.file.Close() // it is on disk since sync
	}
	return nil
}

// move gives the file another name. Where that takes a closed file it is closed.
func (d *draft) move(to string) error {
	if !renamesOpenFiles && d.file != nil {
		if err := d.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	if err := os.Rename(d.name, to); err != nil {
		return err
	}
	d.name = to
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
	os.Remove(d.name)
}
