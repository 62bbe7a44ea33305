// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Bounds on every archive.
const (
	MaxFiles    = 10_000
	MaxFile     = 8<<30 - 1           // bytes of one file, what a ustar header can say
	MaxUnpacked = release.MaxUnpacked // bytes of all files
	MaxArchive  = release.MaxBytes    // bytes of the archive itself

	maxManifest = 1 << 20 // bytes
)

// Limits are bounds on one archive, within those on all. The zero value has only
// the latter.
type Limits struct {
	Bytes    int64 // of the archive at most; 0 is MaxArchive
	Unpacked int64 // bytes of all files, exactly; 0 is any number up to MaxUnpacked
}

func (l Limits) archive() int64 {
	if l.Bytes > 0 {
		return min(l.Bytes, MaxArchive)
	}
	return MaxArchive
}

func (l Limits) unpacked() int64 {
	if l.Unpacked > 0 {
		return min(l.Unpacked, MaxUnpacked)
	}
	return MaxUnpacked
}

// source bounds what is read of an archive, ends with its context, and keeps what
// went wrong with the reading apart from what is wrong with the archive.
type source struct {
	ctx   context.Context
	in    io.Reader
	left  int64 // bytes that may still be read
	limit int64
	err   error // of the reader; not io.EOF
}

func newSource(ctx context.Context, r io.Reader, limit int64) *source {
	return &source{ctx: ctx, in: r, left: limit, limit: limit}
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	n, err := s.in.Read(p)
	if s.left -= int64(n); s.left < 0 {
		s.left = 0
		return 0, refuse(RuleLimit, "", "it has more than %d bytes", s.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// guard ends a reader of the decompressed archive with the context, too: a few
// bytes may become gigabytes.
func (s *source) guard(r io.Reader) io.Reader { return &guarded{s, r} }

type guarded struct {
	src *source
	in  io.Reader
}

// Read implements io.Reader.
func (g *guarded) Read(p []byte) (int, error) {
	if err := g.src.ctx.Err(); err != nil {
		g.src.err = err
		return 0, err
	}
	return g.in.Read(p)
}

// reason brings an error of reading the archive to its cause: the reader's own,
// the rule that was broken, or else a frame that does not decode.
func (s *source) reason(err error) error {
	if s.err != nil {
		return s.err
	}
	if _, ok := errors.AsType[*RefusedError](err); ok {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(RuleEnd, "", "its tar stream ends too early")
	}
	return refuse(RuleFrame, "", "it does not decompress: %v", err)
}
