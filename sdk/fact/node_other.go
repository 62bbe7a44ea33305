// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package fact

import (
	"io/fs"
	"os"
)

// node is what was told of a path.
type node struct {
	told fs.FileInfo
	seen bool
}

// lookAt describes a path of the host itself, which errors call name.
func lookAt(path, name string, n *node) error {
	info, err := os.Lstat(path)
	if pe, ok := err.(*fs.PathError); ok {
		return &fs.PathError{Op: pe.Op, Path: name, Err: pe.Err}
	}
	n.told, n.seen = info, err == nil
	return err
}

// nodeOf is what another way of looking told, if anything.
func nodeOf(info fs.FileInfo) node { return node{told: info, seen: info != nil} }

func (n *node) size() int64 { return n.told.Size() }

func (n *node) mode() fs.FileMode { return n.told.Mode() }

// identity fails: nothing here tells of every change of a file, so no facts are
// kept.
func (n *node) identity() (identity, bool) { return identity{}, false }
