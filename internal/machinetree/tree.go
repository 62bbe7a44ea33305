// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pathtree"
)

// Bounds of one tree.
const (
	maxEntries   = 200_000
	maxTreeBytes = 256 << 20
	maxPathBytes = 4096
	maxLinks     = 40 // as Linux follows
)

// Entry is one file, link or directory of a tree.
type Entry struct {
	// Mode has the type (fs.ModeDir, fs.ModeSymlink or none) and permissions.
	Mode fs.FileMode
	// Data of a file.
	Data []byte
	// Target of a symbolic link, as its text stands.
	Target string
}

// Tree is the file system of a machine, by path without the leading slash. Use
// NewTree; a Tree is not safe for concurrent writers.
type Tree struct {
	entries map[string]Entry
	bytes   int
}

// NewTree is an empty machine.
func NewTree() *Tree { return &Tree{entries: map[string]Entry{}} }

// Paths are the names of all entries, sorted; parents come before what they hold.
func (t *Tree) Paths() []string { return slices.Sorted(maps.Keys(t.entries)) }

// Entry returns what has that name, without following a link at its end.
func (t *Tree) Entry(name string) (Entry, bool) {
	clean, err := cleanPath(name)
	if err != nil {
		return Entry{}, false
	}
	if clean, err = t.resolveParent(clean); err != nil {
		return Entry{}, false
	}
	e, ok := t.entries[clean]
	return e, ok
}

// cleanPath makes a name relative to the machine's root and refuses one that
// would lead out of it or that no system can hold.
func cleanPath(name string) (string, error) {
	if name == "" || len(name) > maxPathBytes || strings.ContainsAny(name, "\x00\n\\") {
		return "", fmt.Errorf("%.80q is no path of a machine", name)
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", fmt.Errorf("%.80q leads out of the machine: leave out the dots", name)
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" {
		return "", errors.New("the root itself is no entry")
	}
	return clean, nil
}

// resolveParent follows the links among the directories above a name.
func (t *Tree) resolveParent(name string) (string, error) {
	for range maxLinks {
		at, target, rest := t.firstLink(name)
		if at == "" {
			return name, nil
		}
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir(at), target)
		}
		name = strings.TrimPrefix(path.Join("/", target, rest), "/")
	}
	return "", fmt.Errorf("%s: links in a circle", name)
}

// firstLink is the first directory above a name that is a link, its target, and
// the rest of the name below it.
func (t *Tree) firstLink(name string) (at, target, rest string) {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if e := t.entries[name[:i]]; e.Mode&fs.ModeSymlink != 0 {
			return name[:i], e.Target, name[i+1:]
		}
	}
	return "", "", ""
}

// put adds an entry and the directories above it, or replaces one of its kind.
func (t *Tree) put(name string, e Entry) error {
	clean, err := cleanPath(name)
	if err != nil {
		return err
	}
	if clean, err = t.resolveParent(clean); err != nil {
		return err
	}
	old, there := t.entries[clean]
	if there && (old.Mode.IsDir() || e.Mode.IsDir()) {
		if old.Mode.IsDir() && e.Mode.IsDir() {
			return nil
		}
		return fmt.Errorf("/%s is a directory and also another kind of file", clean)
	}
	if err := t.putParents(clean); err != nil {
		return err
	}
	t.bytes += len(e.Data) - len(old.Data)
	t.entries[clean] = e
	return t.checkBounds()
}

func (t *Tree) checkBounds() error {
	if len(t.entries) > maxEntries || t.bytes > maxTreeBytes {
		return fmt.Errorf("the machine has more than %d entries or %d MiB", maxEntries, maxTreeBytes>>20)
	}
	return nil
}

func (t *Tree) putParents(name string) error {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		e, there := t.entries[dir]
		if there && !e.Mode.IsDir() {
			return fmt.Errorf("/%s is a file and cannot hold /%s", dir, name)
		}
		if there {
			return nil
		}
		t.entries[dir] = Entry{Mode: fs.ModeDir | 0o755}
	}
	return nil
}

// file adds a regular file. Device nodes are files of mode 0666: a tree of an
// ordinary user cannot hold others.
func (t *Tree) file(name string, data []byte) error {
	mode := fs.FileMode(0o644)
	switch clean := strings.TrimPrefix(name, "/"); {
	case strings.HasPrefix(clean, "dev/"):
		mode = 0o666
	case strings.Contains("/"+clean, "/bin/"), strings.Contains("/"+clean, "/sbin/"):
		mode = 0o755
	}
	return t.put(name, Entry{Mode: mode, Data: data})
}

func (t *Tree) text(name, text string) error { return t.file(name, []byte(text)) }

func (t *Tree) link(name, target string) error {
	if target == "" || len(target) > maxPathBytes || strings.ContainsRune(target, 0) {
		return fmt.Errorf("%.80q is no target of a link", target)
	}
	return t.put(name, Entry{Mode: fs.ModeSymlink | 0o777, Target: target})
}

func (t *Tree) dir(name string) error { return t.put(name, Entry{Mode: fs.ModeDir | 0o755}) }

// remove takes an entry away with all that it holds. What is not there is an
// error: a machine that removes it says something about a part that is not so.
func (t *Tree) remove(name string) error {
	clean, err := cleanPath(name)
	if err != nil {
		return err
	}
	if clean, err = t.resolveParent(clean); err != nil {
		return err
	}
	if _, there := t.entries[clean]; !there {
		return fmt.Errorf("/%s is not there to be removed", clean)
	}
	for p, e := range t.entries {
		if pathtree.Within(p, clean) {
			t.bytes -= len(e.Data)
			delete(t.entries, p)
		}
	}
	return nil
}

func (t *Tree) chmod(name string, mode fs.FileMode) error {
	clean, err := cleanPath(name)
	if err != nil {
		return err
	}
	if clean, err = t.resolveParent(clean); err != nil {
		return err
	}
	e, there := t.entries[clean]
	if !there || e.Mode&fs.ModeSymlink != 0 {
		return fmt.Errorf("/%s is no file or directory whose mode could be set", clean)
	}
	e.Mode = e.Mode.Type() | mode.Perm()
	t.entries[clean] = e
	return nil
}

// appendLine adds a line to a file, which is made when there is none.
func (t *Tree) appendLine(name, line string) error {
	e, _ := t.Entry(name)
	if !e.Mode.IsRegular() {
		return fmt.Errorf("%s is no file to add a line to", name)
	}
	return t.file(name, append(slices.Clone(e.Data), line+"\n"...))
}
