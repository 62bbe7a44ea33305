// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// absolute is the path as it is shown.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// file is a file at the time when it was first looked at.
type file struct {
	path string // absolute
	info fs.FileInfo
}

// newFile looks at a file without opening it: a pipe would block.
func newFile(path string) (*file, error) {
	f := &file{path: absolute(path)}
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return nil, unreadable(f.path, err)
	case info.IsDir():
		return nil, newError(f.path, "A directory instead of a file", "A source reads one file. Name a file in this directory.")
	case !info.Mode().IsRegular():
		return nil, newError(f.path, "Not a regular file", "A source is read several times, which a pipe or a device does not allow. Copy the data to a file first.")
	case info.Size() == 0:
		return nil, newError(f.path, "Empty file", "The file has no bytes. A source needs a header with the names of its columns, and at least one row.")
	}
	f.info = info
	return f, nil
}

// open opens the file of the first look.
func (f *file) open() (*os.File, error) {
	if err := f.inPlace(); err != nil {
		return nil, err
	}
	in, err := os.Open(f.path)
	if err != nil {
		return nil, unreadable(f.path, err)
	}
	if err := f.unchanged(in); err != nil {
		_ = in.Close() // nothing was written
		return nil, err
	}
	return in, nil
}

// inPlace insists that the path still leads to the file.
func (f *file) inPlace() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return unreadable(f.path, err)
	}
	if !f.same(info) {
		return f.changed()
	}
	return nil
}

func (f *file) same(info fs.FileInfo) bool {
	return os.SameFile(f.info, info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime())
}

// unchanged looks at an open file again.
func (f *file) unchanged(in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return unreadable(f.path, err)
	}
	if !f.same(info) {
		return f.changed()
	}
	return nil
}

func (f *file) changed() error {
	return newError(f.path, "File that changed while it was read", "Its size, time or content is not what it was when its types were found out. Wait until its writer is done, and run again.")
}

func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newError(path, "Missing file", "There is no such file. Check the path, which is written out in full here.").because(err)
	case errors.Is(err, fs.ErrPermission):
		return newError(path, "File that may not be read", "The system refuses to open it: %v. Change its permissions or run as a user who may read it.", err).because(err)
	}
	return newError(path, "File that cannot be read", "%v.", err).because(err)
}

// input is the text of a file, decompressed.
type input struct {
	io.Reader
	file   *file
	in     *os.File
	count  *counted
	closer func()
}

// text opens the text of a file.
func (f *file) text(ctx context.Context, spec Spec) (*input, error) {
	in, err := f.open()
	if err != nil {
		return nil, err
	}
	count := &counted{in: in, ctx: ctx, total: f.info.Size(), report: reporter(ctx), stage: StageRead}
	out := &input{file: f, in: in, count: count, closer: func() {}}
	if err := out.decompress(spec); err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// blame finds out whether a fault of the content comes from a writer that is at
// work: half a row is no ragged one then.
func (in *input) blame(err error) error {
	if isOurs(err) {
		if changed := in.file.unchanged(in.in); changed != nil {
			return changed
		}
	}
	return err
}

func (in *input) close() {
	in.closer()
	_ = in.in.Close() // it was only read
}

// counted reads a file, tells how far it is and heeds a context.
type counted struct {
	in     io.Reader
	ctx    context.Context
	n      int64
	total  int64
	report func(Progress)
	stage  string
}

func (c *counted) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.in.Read(p)
	c.n += int64(n)
	c.report(Progress{Stage: c.stage, Bytes: c.n, Total: c.total})
	return n, err
}

// isOurs reports whether an error needs no other words.
func isOurs(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}
