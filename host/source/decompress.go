// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory of a Zstandard decoder. It is what zstd itself
// takes without being asked for more.
const maxWindow = 128 << 20

// decompress puts the reader of the text in place.
func (in *input) decompress(spec Spec) error {
	raw := bufio.NewReaderSize(in.count, 256<<10)
	start, err := raw.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return in.broken(err)
	}
	switch compression(spec, start) {
	case "gzip":
		return in.gunzip(raw)
	case "zstd":
		return in.unzstd(raw)
	}
	in.Reader = raw
	return checkSignature(in.file.path, start)
}

// compression is what the Spec says, or the first bytes.
func compression(spec Spec, start []byte) string {
	switch {
	case spec.Compression != "":
		return spec.Compression
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return "gzip"
	case bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")), isSkippable(start):
		return "zstd"
	}
	return "none"
}

// isSkippable tells the frame that pzstd begins its files with.
func isSkippable(start []byte) bool {
	return len(start) >= 4 && start[0]&0xf0 == 0x50 && bytes.Equal(start[1:4], []byte{0x2a, 0x4d, 0x18})
}

// gunzip reads any number of members, one after the other.
func (in *input) gunzip(raw *bufio.Reader) error {
	b := newBounded(in, "gzip")
	m := &members{in: in, raw: raw}
	if err := m.next(); err != nil {
		return b.damaged(err)
	}
	b.in = m
	return in.checked(b)
}

// members is what the members of a gzip file hold. The package that reads one would
// take what stands behind the last for another.
type members struct {
	gzip.Reader
	in  *input
	raw *bufio.Reader
}

func (m *members) next() error {
	err := m.Reset(m.raw)
	m.Multistream(false)
	return err
}

// Read ends where no member begins, which is to be the end of the file.
func (m *members) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if n > 0 {
		return n, nil // and the end the next time
	}
	start, err := m.raw.Peek(2)
	switch {
	case len(start) == 0:
		return 0, err
	case string(start) == "\x1f\x8b":
		return 0, m.next()
	}
	whole, path := m.in.count.n-int64(m.raw.Buffered()), m.in.file.path
	return 0, newError(path, "Bytes behind the gzip data",
		"Its compressed data is whole and ends at byte %d, and the %d bytes from there on are no gzip data. If they do not belong to it, keep what is before them: head -c %d %s.", whole, m.in.file.info.Size()-whole, whole, filepath.Base(path))
}

// unzstd reads any number of frames, in this goroutine.
func (in *input) unzstd(raw io.Reader) error {
	b := newBounded(in, "zstd")
	z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return b.damaged(err)
	}
	in.closer = z.Close
	b.in = z
	return in.checked(b)
}

// checked looks at what came out: an archive of other things is refused.
func (in *input) checked(b *bounded) error {
	out := bufio.NewReaderSize(b, 256<<10)
	start, err := out.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(start) == 0 {
		return newError(in.file.path, "Empty file", "Nothing is in it after decompression. A source needs a header with the names of its columns, and at least one row.")
	}
	in.Reader = out
	return checkSignature(in.file.path, start)
}

// broken names an error of the system.
func (in *input) broken(err error) error {
	if ctx := in.count.ctx; ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return unreadable(in.file.path, err)
}
