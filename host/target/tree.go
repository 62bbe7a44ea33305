// SPDX-License-Identifier: Apache-2.0

package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links one lookup follows, as in the kernel.
const maxLinks = 40

// errLinks means a loop of links.
var errLinks = errors.New("too many levels of symbolic links")

// tree looks things up in the files of a machine; paths are those of the
// machine, absolute and clean. In a foreign root links lead where they would
// lead on that machine, which is never out of the root: each name is looked up
// by itself, in an [os.Root].
type tree struct {
	root *os.Root // nil for this machine
	// real remembers where directories of a foreign root lead.
	real map[string]string
}

// open returns the machine's files; close them.
func (m *Machine) open() (*tree, error) {
	if m.Live() {
		return &tree{}, nil
	}
	root, err := os.OpenRoot(m.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the root of the machine: %w", err)
	}
	return &tree{root: root, real: map[string]string{"/": "/"}}, nil
}

func (t *tree) close() {
	if t.root != nil {
		_ = t.root.Close()
	}
}

// inRoot is a resolved path as os.Root takes it.
func inRoot(p string) string {
	if p == "/" {
		return "."
	}
	return filepath.FromSlash(strings.TrimPrefix(p, "/"))
}

// lstat tells what a path is, itself not followed.
func (t *tree) lstat(p string) (fs.FileInfo, error) {
	if t.root == nil {
		return os.Lstat(filepath.FromSlash(p))
	}
	dir, err := t.resolve(path.Dir(p))
	if err != nil {
		return nil, err
	}
	return t.root.Lstat(inRoot(path.Join(dir, path.Base(p))))
}

// stat tells what a path leads to.
func (t *tree) stat(p string) (fs.FileInfo, error) {
	if t.root == nil {
		return os.Stat(filepath.FromSlash(p))
	}
	real, err := t.resolve(p)
	if err != nil {
		return nil, err
	}
	return t.root.Lstat(inRoot(real))
}

// readlink tells what a link says.
func (t *tree) readlink(p string) (string, error) {
	if t.root == nil {
		to, err := os.Readlink(filepath.FromSlash(p))
		return filepath.ToSlash(to), err
	}
	dir, err := t.resolve(path.Dir(p))
	if err != nil {
		return "", err
	}
	to, err := t.root.Readlink(inRoot(path.Join(dir, path.Base(p))))
	return filepath.ToSlash(to), err
}

// resolve follows all links of a path that exists.
func (t *tree) resolve(p string) (string, error) {
	if t.root == nil {
		real, err := filepath.EvalSymlinks(filepath.FromSlash(p))
		return filepath.ToSlash(real), err
	}
	if real, ok := t.real[p]; ok {
		return real, nil
	}
	real, err := t.walk(p, func(string) {})
	if err == nil {
		t.real[p] = real
	}
	return real, err
}

// walk follows the links of a path by hand. It tells in which directory each
// name was looked up, without links.
func (t *tree) walk(p string, in func(dir string)) (string, error) {
	at, links := "/", 0
	for rest := names(p); len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := path.Join(at, name) // of "/.." it makes "/"
		in(at)
		info, err := t.plainLstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "resolve", Path: p, Err: errLinks}
		}
		to, err := t.plainReadlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = slices.Concat(names(to), rest)
	}
	return at, nil
}

// plainLstat and plainReadlink are for paths whose directory has no links.
func (t *tree) plainLstat(p string) (fs.FileInfo, error) {
	if t.root == nil {
		return os.Lstat(filepath.FromSlash(p))
	}
	return t.root.Lstat(inRoot(p))
}

func (t *tree) plainReadlink(p string) (to string, err error) {
	if t.root == nil {
		to, err = os.Readlink(filepath.FromSlash(p))
	} else {
		to, err = t.root.Readlink(inRoot(p))
	}
	return filepath.ToSlash(to), err
}

// names are the segments of a path.
func names(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// list returns the sorted names in a directory. More than most are an error,
// since a part of them would be a different one each time.
func (t *tree) list(dir string, most int) ([]string, error) {
	// Opening something else, such as a pipe, could block.
	if info, err := t.stat(dir); err != nil || !info.IsDir() {
		return nil, cmpErr(err, &fs.PathError{Op: "readdir", Path: dir, Err: errors.New("not a directory")})
	}
	f, err := t.file(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := f.Readdirnames(most + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(found) > most {
		return nil, fmt.Errorf("%s holds more than %d names", dir, most)
	}
	slices.Sort(found)
	return found, nil
}

func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// file opens a file or directory for reading. Somebody who put a pipe in its
// place since it was looked at does not make the host wait.
func (t *tree) file(p string) (*os.File, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if t.root == nil {
		return os.OpenFile(filepath.FromSlash(p), flags, 0)
	}
	real, err := t.resolve(p)
	if err != nil {
		return nil, err
	}
	return t.root.OpenFile(inRoot(real), flags, 0)
}

// read returns a regular file of bounded size. Like everything a foreign root
// names, it is a file of that root.
func (t *tree) read(p string, most int64) ([]byte, error) {
	f, err := t.file(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, cmpErr(err, fmt.Errorf("%s is not a regular file", p))
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", p, most)
	}
	return data, err
}
