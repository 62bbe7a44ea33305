// SPDX-License-Identifier: Apache-2.0

// Package embedded is the offline registry of built-in plugins that a released
// host carries in itself. A host of a plain build has none: its plugins stand
// beside it.
//
// It is a registry like any other and is installed from by the same code: signed
// metadata, log, archives. Its root is part of the executable, so whoever trusts
// that trusts the plugins.
package embedded

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// Names in the tree beside those of a registry.
const (
	rootFile = "root.json"
	keyFile  = "log.key"
	madeFile = "made"
)

// Registry is an embedded registry.
type Registry struct{ tree fs.FS }

// Open returns the registry of this executable, in the form for this machine; false
// when it has none.
func Open() (Registry, bool) {
	if tree == nil {
		return Registry{}, false
	}
	return Registry{forMachine(tree, exists)}, true
}

// From is the registry in a tree of files.
func From(tree fs.FS) Registry { return Registry{tree} }

// Trust returns what the registry is trusted by: its first root and the key of its
// log.
func (r Registry) Trust() (root []byte, logKey string, err error) {
	root, err = fs.ReadFile(r.tree, rootFile)
	if err != nil {
		return nil, "", err
	}
	key, err := fs.ReadFile(r.tree, keyFile)
	return root, strings.TrimSpace(string(key)), err
}

// Made is when the registry was made. Its metadata are read by that time: they are
// as old as the executable, and cannot be kept back by anybody.
func (r Registry) Made() (time.Time, error) {
	text, err := fs.ReadFile(r.tree, madeFile)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
}

var _ files.Source = Registry{}

// Open reads a file of the registry.
func (r Registry) Open(_ context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	if err := files.CheckName(name); err != nil {
		return nil, files.Info{}, err
	}
	f, err := r.tree.Open(name)
	if err != nil {
		return nil, files.Info{}, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err == nil && offset > 0 {
		err = skip(f, offset)
	}
	if err != nil {
		_ = f.Close()
		return nil, files.Info{}, err
	}
	return f, files.Info{Size: info.Size(), Offset: offset}, nil
}

// skip goes to an offset, which may be behind the end.
func skip(f fs.File, offset int64) error {
	if s, ok := f.(io.Seeker); ok {
		_, err := s.Seek(offset, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, f, offset)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// String names the place.
func (r Registry) String() string { return "the executable of bulkhead" }
