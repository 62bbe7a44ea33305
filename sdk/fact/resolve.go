// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxLinks is the length of a chain of symbolic links that Linux follows too.
const maxLinks = 40

// Resolve follows every link in name and returns the machine's own path of
// what it leads to, which exists.
func (t *Target) Resolve(name string) (string, error) {
	budget := maxLinks
	resolved, err := t.resolve(clean(name), &budget, new(node))
	t.want(name, err)
	return resolved, err
}

// find is Resolve with the description of what was found.
func (t *Target) find(name string, n *node) (string, error) {
	budget := maxLinks
	resolved, err := t.resolve(clean(name), &budget, n)
	if err == nil && !n.seen {
		err = t.lookAt(resolved, n)
		t.looked(resolved, n, err, true)
		err = t.rename(err, name)
	}
	t.want(name, err)
	return resolved, err
}

// resolve also describes what it found, unless the answer was remembered:
// directories are, since every file below asks for them again.
func (t *Target) resolve(name string, budget *int, n *node) (string, error) {
	n.seen = false
	if name == "/" {
		return "/", nil
	}
	if done, ok := t.memory.directory(name); ok {
		return done, nil
	}
	up, base := split(name)
	dir, err := t.parent(up, budget, n)
	if err != nil {
		return "", err
	}
	self := name
	if dir != up {
		self = join(dir, base)
	}
	if t.inputs == nil && !t.traced && t.memory.lists(dir, base) {
		t.memory.keep(name, self)
		n.seen = false
		return self, nil
	}
	err = t.lookAt(self, n)
	t.looked(self, n, err, true)
	if err != nil {
		return "", t.rename(err, name)
	}
	switch n.mode().Type() {
	case fs.ModeSymlink:
		return t.follow(self, budget, n)
	case fs.ModeDir:
		t.memory.keep(name, self)
	}
	return self, nil
}

// parent is resolve for a directory. One that is missing is remembered too: the
// libraries of one package look for each other in the same few of those.
func (t *Target) parent(name string, budget *int, n *node) (string, error) {
	if err := t.memory.isMissing(name); err != nil {
		return "", err
	}
	dir, err := t.resolve(name, budget, n)
	if errors.Is(err, fs.ErrNotExist) {
		t.memory.misses(name, err)
	}
	return dir, err
}

func (t *Target) follow(name string, budget *int, n *node) (string, error) {
	if *budget--; *budget < 0 {
		return "", &fs.PathError{Op: "resolve", Path: name, Err: errors.New("too many symbolic links")}
	}
	link, err := os.Readlink(t.host(name))
	if err != nil {
		return "", t.rename(err, name)
	}
	link = filepath.ToSlash(link)
	if !path.IsAbs(link) {
		link = path.Join(path.Dir(name), link)
	}
	return t.resolve(clean(link), budget, n)
}

// lookAt describes a path itself, which is clean.
func (t *Target) lookAt(name string, n *node) error {
	return lookAt(t.host(name), name, n)
}

// host is where a clean path of the machine is found.
func (t *Target) host(name string) string {
	if filepath.Separator != '/' || name == "/" {
		return filepath.Join(t.Root, filepath.FromSlash(name))
	}
	return strings.TrimSuffix(t.Root, "/") + name
}

// rename puts the machine's own path into an error instead of the view's.
func (t *Target) rename(err error, name string) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path != name {
		return &fs.PathError{Op: pe.Op, Path: name, Err: pe.Err}
	}
	return err
}

// clean is a name as Resolve returns them: from "/", without "." and "..".
func clean(name string) string {
	name = filepath.ToSlash(name)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	return path.Clean(name)
}

// split cuts the last part off a clean path.
func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 1)], name[i+1:]
}

// join is path.Join of a clean path and one part of another.
func join(dir, base string) string {
	if dir == "/" {
		return "/" + base
	}
	if base == "" {
		return dir
	}
	return dir + "/" + base
}

// memory is what a target learnt of the machine's directories. It is safe for
// concurrent use.
type memory struct {
	mu       sync.RWMutex
	links    map[string]string        // directory → resolved directory
	missing  map[string]error         // directories that are not there
	listings map[string][]fs.DirEntry // resolved directory → what is in it, by name
}

// maxListing bounds the listings that are remembered.
const maxListing = 20_000

func (m *memory) directory(name string) (string, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	resolved, ok := m.links[name]
	return resolved, ok
}

func (m *memory) keep(name, resolved string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links == nil {
		m.links = map[string]string{}
	}
	m.links[name] = resolved
}

func (m *memory) isMissing(name string) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.missing[name]
}

func (m *memory) misses(name string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.missing == nil {
		m.missing = map[string]error{}
	}
	m.missing[name] = err
}

func (m *memory) listed(dir string, entries []fs.DirEntry) {
	if len(entries) == 0 || len(entries) > maxListing {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listings == nil {
		m.listings = map[string][]fs.DirEntry{}
	}
	m.listings[dir] = entries
}

// lists reports whether the listing of a directory showed a name as a directory
// itself, and no link, so that nobody need look again.
func (m *memory) lists(dir, base string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	entries := m.listings[dir]
	i, ok := slices.BinarySearchFunc(entries, base, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
	return ok && entries[i].IsDir()
}
