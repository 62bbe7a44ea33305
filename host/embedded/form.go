// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Names in the tree of a host for Linux.
const (
	staticDir  = "static"
	loaderFile = "loader"
)

// forMachine chooses the form of a registry that fits a machine. One plugin is
// dynamically linked, since it loads a driver's library; where the loader does not
// exist that it asks for, on Alpine or in an empty container, nothing could start
// it. The tree then holds another form below static/: the files that differ, with
// that plugin static and without the library.
func forMachine(tree fs.FS, exists func(string) bool) fs.FS {
	static, err := fs.Sub(tree, staticDir)
	if err != nil {
		return tree
	}
	loader, err := fs.ReadFile(static, loaderFile)
	if err != nil || exists(strings.TrimSpace(string(loader))) {
		return tree
	}
	return layers{static, tree}
}

// exists reports whether a file is on this machine. What cannot be looked at
// counts as there.
func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// layers are trees that are seen as one: a file is that of the first one that has
// it.
type layers []fs.FS

// Open finds a file.
func (l layers) Open(name string) (fs.File, error) {
	var found fs.File
	err := error(&fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist})
	for _, tree := range l {
		if found, err = tree.Open(name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return found, err
}
