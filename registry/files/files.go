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
// Nothing here believes what a source says: whoever reads gives the bound
// (ReadAll), and whoever downloads the size and the SHA-256 (Download). Who
// signed a file is the business of registry/trust.
//
// # Addresses
//
// OpenSource and OpenStore take
//
//	/srv/registry, ./registry     a directory
//	file:///srv/registry          a directory
//	https://plugins.example/r     a web server, to read from
//	http://localhost:8080/r       the same in clear text: this machine only, or Options.Insecure
//	oci://ghcr.io/acme/registry   a repository of an OCI registry
//
// An address has no user, password, query or fragment: credentials go in Options
// and never into a message.
//
// # Directories
//
// Each operation opens the directory as an os.Root, so that no name and no
// symbolic link leads out of it. Put writes a file of another name beside the
// final one, brings it to disk and renames it. Files and directories that it
// makes can be read by everyone, since a registry is public. The writers of a
// directory take turns by a lock on the file ".lock" in it (Lock).
//
// # Web servers
//
// A request asks for the bytes as they are (identity) and, when it goes on from
// an offset, for a range, with If-Range when the strong ETag of what is there
// already is known. A 206 whose Content-Range is not the one that was asked for
// is of no use, and the whole file is asked for; a 200 begins at 0, and Info.Offset
// says so. At most five redirects are followed; one from https leads to https
// only, and credentials stay with the host they are for. Broken connections, 408,
// 425, 429 and 5xx but for 501 and 505 are tried again, four times in all, with a
// pause that doubles from 250 ms to 10 s and has jitter; a Retry-After of up to a
// minute takes its place, and a longer one ends the try.
// The proxy is that of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
//
// # OCI registries
//
// A file is an artifact of its own: an image manifest of the artifact type
// "application/vnd.bulkhead.file.v1" with the empty config and one layer, the
// file, whose annotation "org.opencontainers.image.title" is the file's name. Its
// tag is derived from the name (Tag): "/" is "__"; a byte other than an ASCII
// letter, a digit, "." or "-", and a "-" at the beginning, is "_" and its two
// lower-case hexadecimal digits; and instead of a tag of more than 128 bytes there
// is "_sha256-" and the digest of the name. A tag is moved by one request, so that
// Put is atomic. The manifest is read by the tag and checked against the name, and
// the layer is verified by its digest when it is read from its beginning.
//
// Credentials are those of Docker's configuration unless Options has some. An OCI
// registry on this machine is spoken to in clear text unless Options has a CA
// file; all others over TLS, also where a redirect leads or a token is to be had.
// The writers of one machine take turns by a lock; those of several machines do
// not, and an OCI registry cannot help them.
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
	// Lock keeps other writers out until the function that it returns is called.
	// It waits for them until ctx ends. Put does not need it.
	Lock(ctx context.Context) (unlock func() error, err error)
}

// resumer is a source that goes on with a file only if it is still the one of a
// tag, and begins it anew otherwise.
type resumer interface {
	openTagged(ctx context.Context, name string, offset int64, tag string) (io.ReadCloser, Info, error)
}
