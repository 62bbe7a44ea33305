// SPDX-License-Identifier: Apache-2.0

// Package files reads and writes the files of a registry wherever they are
// kept: in a directory, behind a web server, in an OCI registry.
//
// A registry is a tree of static files and nothing else:
//
//	metadata/   TUF metadata: N.root.json, timestamp.json, N.snapshot.json, ...
//	targets/    what the metadata describe, each with its SHA-256 in its name
//	log/        the transparency log: checkpoint, tiles, lookup
//
// Names are relative, with slashes, and in one canonical spelling (CheckName).
package files

import (
	"context"
	"io"
	"io/fs"
)

// ErrNotExist is in the error of a file that a registry does not have.
var ErrNotExist = fs.ErrNotExist

// Source reads the files of a registry. It is safe for concurrent use.
type Source interface {
	// Open reads a file from an offset to its end. The caller closes it. A file
	// that is not there is ErrNotExist.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error)
	// String is where the files are, without secrets.
	String() string
}

// Info is what a source says of a file, which nobody has to believe.
type Info struct {
	Size   int64  // of the whole file in bytes; -1 when the source does not say
	Tag    string // changes with the content; "" when the source has none
	Offset int64  // where the reader begins: 0 when a source cannot begin elsewhere
}

// Store is a source that can be changed.
type Store interface {
	Source
	// Put replaces a file whole: a reader sees the old one or the new one.
	Put(ctx context.Context, name string, data io.Reader) error
}
