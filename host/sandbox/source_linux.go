// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// source is a file or directory of the machine, as the host found it before the
// launch. The launched process opens the path without following any link, and
// goes on only if it finds the same object.
type source struct {
	path string // absolute, without links
	dev  uint64
	ino  uint64
	dir  bool
}

// maxLinks is how many links one path may have, as in the kernel.
const maxLinks = 40

// findSource looks a path up inside root, "" for the machine. Links are followed
// inside root; without one only those of root and of the host's own user are, so
// that nobody else can redirect a grant. Magic links of /proc are never followed.
func findSource(root, name string) (source, error) {
	if root != "" {
		found, err := findSource("", root)
		if err != nil {
			return source{}, err
		}
		root = found.path
	}
	if s, err := inspect(path.Join("/", root, path.Join("/", name)), 0); err == nil {
		return s, nil
	}
	w := walk{root: strings.TrimSuffix(root, "/"), pending: split(name)}
	return w.run()
}

// inspect opens a path without following links and describes what it finds.
func inspect(name string, flags uint64) (source, error) {
	fd, err := openPlain(name, flags)
	if err != nil {
		return source{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return source{}, err
	}
	return sourceOf(name, &st), nil
}

func sourceOf(name string, st *unix.Stat_t) source {
	return source{path: name, dev: st.Dev, ino: st.Ino, dir: st.Mode&unix.S_IFMT == unix.S_IFDIR}
}

// openPlain opens a path that has no links in it. With O_NOFOLLOW the last
// element may be one, and is opened itself.
func openPlain(name string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	return unix.Openat2(unix.AT_FDCWD, name, &how)
}

// walk is a lookup under way.
type walk struct {
	root    string   // "" for the machine
	done    []string // elements passed, without links
	pending []string // elements to come
	links   int
}

func split(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
}

// run goes through the elements one by one.
func (w *walk) run() (source, error) {
	for len(w.pending) > 0 {
		next := w.pending[0]
		w.pending = w.pending[1:]
		if err := w.step(next); err != nil {
			return source{}, err
		}
	}
	return inspect(w.at(), 0)
}

// at is the path passed so far.
func (w *walk) at() string { return w.root + "/" + strings.Join(w.done, "/") }

// step passes one element.
func (w *walk) step(name string) error {
	switch name {
	case ".":
		return nil
	case "..":
		w.done = w.done[:max(len(w.done)-1, 0)]
		return nil
	}
	w.done = append(w.done, name)
	fd, err := openPlain(w.at(), unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil
	}
	return w.follow(fd, st.Uid)
}

// follow replaces the last element, a link, by what it says.
func (w *walk) follow(fd int, owner uint32) error {
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	if w.root == "" && owner != 0 && int(owner) != os.Geteuid() {
		return fmt.Errorf("%s is a symbolic link of user %d, who could point it elsewhere: name its destination instead: %w", w.at(), owner, unix.EACCES)
	}
	if err := refuseMagic(fd, w.at()); err != nil {
		return err
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", text)
	if err != nil {
		return err
	}
	w.done = w.done[:len(w.done)-1]
	if text[0] == '/' {
		w.done = nil
	}
	w.pending = append(split(string(text[:n])), w.pending...)
	return nil
}

// refuseMagic refuses links that lead where no path does: /proc/PID/root and the like.
func refuseMagic(fd int, name string) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return err
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	target, err := unix.Openat2(unix.AT_FDCWD, name, &how)
	if err == nil {
		_ = unix.Close(target)
	}
	return err
}

// sourceOfFile describes a file that the caller holds open.
func sourceOfFile(f *os.File) (source, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return source{}, err
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return source{}, err
	}
	s := sourceOf(name, &st)
	if now, err := inspect(name, 0); err != nil || now != s {
		return source{}, fmt.Errorf("%s is not any more the file that was opened: %w", name, unix.ESTALE)
	}
	return s, nil
}
