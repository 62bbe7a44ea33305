// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Write makes the tree below an empty directory that exists. All links are made
// last and everything happens inside of the directory (os.Root), so that no
// name or link of a machine reaches a file of this one. The error names the
// first path that cannot be written; what stands by then stays.
func (t *Tree) Write(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening the directory of a machine: %w", err)
	}
	defer func() { _ = root.Close() }() // what it was opened for has its own errors
	paths := t.Paths()
	for _, links := range []bool{false, true} {
		for _, p := range paths {
			e := t.entries[p]
			if (e.Mode&fs.ModeSymlink != 0) != links {
				continue
			}
			if err := writeEntry(root, filepath.FromSlash(p), e); err != nil {
				return fmt.Errorf("writing /%s: %w", p, err)
			}
		}
	}
	return t.closeDirs(root, paths)
}

func writeEntry(root *os.Root, name string, e Entry) error {
	switch {
	case e.Mode.IsDir():
		return root.Mkdir(name, 0o755)
	case e.Mode&fs.ModeSymlink != 0:
		return root.Symlink(e.Target, name)
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(e.Data)
	// Past the umask, and on the open file.
	return errors.Join(err, f.Chmod(e.Mode.Perm()), f.Close())
}

// closeDirs gives directories their modes once everything is in them.
func (t *Tree) closeDirs(root *os.Root, paths []string) error {
	for _, path := range slices.Backward(paths) {
		if e := t.entries[path]; e.Mode.IsDir() && e.Mode.Perm() != 0o755 {
			if err := root.Chmod(filepath.FromSlash(path), e.Mode.Perm()); err != nil {
				return fmt.Errorf("setting the mode of /%s: %w", path, err)
			}
		}
	}
	return nil
}
