// SPDX-License-Identifier: Apache-2.0

package target

import (
	"cmp"
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
	seen *sight
}

// open returns the machine's files; close them.
func (m *Machine) open() (*tree, error) { return m.openSeen(&sight{}) }

// openSeen is open for files of which some were seen already.
func (m *Machine) openSeen(seen *sight) (*tree, error) {
	if m.Live() {
		return &tree{seen: seen}, nil
	}
	root, err := os.OpenRoot(m.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the root of the machine: %w", err)
	}
	return &tree{root: root, seen: seen}, nil
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
	return t.seen.link.get(p, func() (fs.FileInfo, error) {
		if t.root == nil {
			if err := t.without(path.Dir(p)); err != nil {
				return nil, err
			}
			return t.plainLstat(p)
		}
		dir, err := t.resolve(path.Dir(p))
		if err != nil {
			return nil, err
		}
		return t.plainLstat(path.Join(dir, path.Base(p)))
	})
}

// stat tells what a path leads to.
func (t *tree) stat(p string) (fs.FileInfo, error) {
	return t.seen.end.get(p, func() (fs.FileInfo, error) {
		if t.root == nil {
			if err := t.without(path.Dir(p)); err != nil {
				return nil, err
			}
			return os.Stat(filepath.FromSlash(p))
		}
		real, err := t.resolve(p)
		if err != nil {
			return nil, err
		}
		return t.lstat(real)
	})
}

// without returns the error of a directory of this machine that is not there, so
// that nothing is looked for in it.
func (t *tree) without(dir string) error {
	if path.Dir(dir) == dir {
		return nil
	}
	if _, err := t.stat(dir); err != nil && absent(err) {
		return err
	}
	return nil
}

// readlink tells what a link says.
func (t *tree) readlink(p string) (string, error) {
	if t.root == nil {
		return t.plainReadlink(p)
	}
	dir, err := t.resolve(path.Dir(p))
	if err != nil {
		return "", err
	}
	return t.plainReadlink(path.Join(dir, path.Base(p)))
}

// resolve follows all links of a path that exists.
func (t *tree) resolve(p string) (string, error) {
	if t.root == nil {
		return t.seen.real.get(p, func() (string, error) {
			if err := t.without(path.Dir(p)); err != nil {
				return "", err
			}
			real, err := filepath.EvalSymlinks(filepath.FromSlash(p))
			return filepath.ToSlash(real), err
		})
	}
	links := 0
	return t.follow(p, &links)
}

// follow resolves a path of a foreign root by way of the directory that it is in,
// of which there are few.
func (t *tree) follow(p string, links *int) (string, error) {
	if path.Dir(p) == p {
		return p, nil
	}
	return t.seen.real.get(p, func() (string, error) {
		dir, err := t.follow(path.Dir(p), links)
		if err != nil {
			return "", err
		}
		next := path.Join(dir, path.Base(p))
		info, err := t.seen.link.get(p, func() (fs.FileInfo, error) { return t.plainLstat(next) })
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return next, err
		}
		if *links++; *links > maxLinks {
			return "", &fs.PathError{Op: "resolve", Path: p, Err: errLinks}
		}
		to, err := t.plainReadlink(next)
		if err != nil {
			return "", err
		}
		return t.followLink(dir, to, links)
	})
}

// followLink resolves what a link in a directory without links says.
func (t *tree) followLink(dir, to string, links *int) (real string, err error) {
	real = dir
	if path.IsAbs(to) {
		real = "/"
	}
	for _, name := range names(to) {
		if real, err = t.follow(path.Join(real, name), links); err != nil { // of "/.." Join makes "/"
			return "", err
		}
	}
	return real, nil
}

// lookups follows the links of a path by hand, as far as they lead, and returns
// the directories, without links, in which its names were looked up.
func (t *tree) lookups(p string) (dirs []string) {
	at, links := "/", 0
	for rest := names(p); len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := path.Join(at, name) // of "/.." it makes "/"
		dirs = append(dirs, at)
		info, err := t.plainLstat(next)
		if err != nil {
			return dirs
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		to, err := t.plainReadlink(next)
		if links++; links > maxLinks || err != nil {
			return dirs
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = slices.Concat(names(to), rest)
	}
	return dirs
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

// list returns the sorted names in a directory, which are not to be changed. More
// than most are an error, since a part of them would be a different one each time.
func (t *tree) list(dir string, most int) ([]string, error) {
	found, err := t.seen.names.get(dir, func() ([]string, error) { return t.readNames(dir, most) })
	if err == nil && len(found) > most {
		return nil, fmt.Errorf("%s holds more than %d names", dir, most)
	}
	return found, err
}

func (t *tree) readNames(dir string, most int) ([]string, error) {
	// Opening something else, such as a pipe, could block.
	if info, err := t.stat(dir); err != nil || !info.IsDir() {
		return nil, cmp.Or[error](err, &fs.PathError{Op: "readdir", Path: dir, Err: errors.New("not a directory")})
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
		return nil, cmp.Or(err, fmt.Errorf("%s is not a regular file", p))
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", p, most)
	}
	return data, err
}
