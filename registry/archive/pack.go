// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Options of Pack. The zero value is fine.
type Options struct {
	// Progress, when given, is told before each file is packed.
	Progress func(name string, bytes int64)
}

// Packed says what an archive holds.
type Packed struct {
	H1       string
	SHA256   string         // "sha256:..." of the archive
	Bytes    int64          // of the archive
	Unpacked int64          // bytes of all files
	Files    map[string]Sum // by name, with slashes
	LeftOut  []string       // names below the directory that are never packed
	Manifest *manifest.Manifest
}

// Platform is what a release says of the archive.
func (p *Packed) Platform() release.Platform {
	return release.Platform{H1: p.H1, Executable: p.Manifest.Digest, Archive: p.SHA256, Bytes: p.Bytes, Unpacked: p.Unpacked}
}

// Pack writes the archive of a directory. The same files give the same bytes,
// whatever their times, owners, write permissions and order on disk; another
// version of the compressor may give others, with the same H1. Nothing that Unpack
// would refuse is packed; the error is then a *RefusedError.
func Pack(dir string, out io.Writer, opts Options) (Packed, error) {
	src, err := openSourceDir(dir)
	if err != nil {
		return Packed{}, fmt.Errorf("packing %s: %w", dir, err)
	}
	defer src.root.Close()
	p := &packing{dir: src, options: opts, out: &counter{to: out, sum: sha256.New()}}
	if err := p.run(); err != nil {
		return Packed{}, fmt.Errorf("packing %s: %w", dir, err)
	}
	return p.packed(), nil
}

// packing is an archive that is being written.
type packing struct {
	dir     *sourceDir
	options Options
	out     *counter
	tar     *zstd.Encoder
	sums    map[string]Sum
	bytes   int64
}

func (p *packing) run() (err error) {
	p.sums = make(map[string]Sum, len(p.dir.files))
	// The level, the window and one goroutine fix the bytes.
	p.tar, err = zstd.NewWriter(p.out, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(maxWindow),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	for _, e := range p.dir.files {
		if err := p.add(e); err != nil {
			return errors.Join(err, p.tar.Close())
		}
	}
	_, err = p.tar.Write(make([]byte, 2*blockSize))
	if err := errors.Join(err, p.tar.Close()); err != nil {
		return err
	}
	if p.out.bytes > MaxArchive {
		return refuse(RuleLimit, "", "it has %d bytes, more than %d", p.out.bytes, int64(MaxArchive))
	}
	return checkExecutable(p.dir.manifest, p.sums)
}

func (p *packing) add(e entry) error {
	if p.options.Progress != nil {
		p.options.Progress(e.name, e.size)
	}
	if _, err := p.tar.Write(e.header()[:]); err != nil {
		return err
	}
	h := sha256.New()
	if err := p.dir.copyTo(io.MultiWriter(p.tar, h), e); err != nil {
		return err
	}
	p.sums[e.name] = Sum(h.Sum(nil))
	p.bytes += e.size
	_, err := p.tar.Write(make([]byte, e.padding()))
	return err
}

func (p *packing) packed() Packed {
	return Packed{
		H1: H1(p.sums), SHA256: digest(Sum(p.out.sum.Sum(nil))), Bytes: p.out.bytes, Unpacked: p.bytes,
		Files: p.sums, LeftOut: p.dir.leftOut, Manifest: p.dir.manifest,
	}
}

// counter counts and hashes what is written.
type counter struct {
	to    io.Writer
	bytes int64
	sum   hash.Hash
}

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.bytes += int64(n)
	c.sum.Write(b[:n])
	return n, err
}

// copyTo writes the content of a file, which must be as long as it was.
func (d *sourceDir) copyTo(to io.Writer, e entry) error {
	content := io.Reader(bytes.NewReader(d.manifestData))
	if e.name != manifest.FileName {
		f, _, err := regular.OpenIn(d.root, e.name)
		if err != nil {
			return err
		}
		defer f.Close()
		content = f
	}
	n, err := io.Copy(to, io.LimitReader(content, e.size+1))
	if err == nil && n != e.size {
		err = fmt.Errorf("%s changed while it was packed; try again when nothing writes to it", e.name)
	}
	return err
}
