// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/klauspost/compress/zstd"
)

// Unpacked says what was in an archive.
type Unpacked struct {
	H1       string
	Bytes    int64          // of all files
	Files    map[string]Sum // by name, with slashes
	Manifest *manifest.Manifest
}

// Unpack writes the files of an archive to a new directory and brings them to
// disk. They are read-only, 0444 or 0555, and so are the directories in it (0555);
// the new directory itself is 0755, so that it can be renamed. It reads the archive
// to its end. Whatever goes wrong leaves no directory; a wrong archive is a
// *RefusedError.
func Unpack(ctx context.Context, r io.Reader, dir string, limits Limits) (*Unpacked, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("unpacking an archive: %w", err)
	}
	u, err := unpackInto(ctx, r, dir, limits)
	if err != nil {
		return nil, errors.Join(err, Remove(dir))
	}
	return u, nil
}

func unpackInto(ctx context.Context, r io.Reader, dir string, limits Limits) (u *Unpacked, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("unpacking an archive: %w", err)
	}
	src := newSource(ctx, r, limits.archive())
	dec, err := zstd.NewReader(newFrame(src), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unpacking an archive: %w", err), root.Close())
	}
	defer dec.Close()
	x := &extraction{src: src, tar: bufio.NewReaderSize(src.guard(dec), 128<<10), tree: newTree(root), names: newNames(), limits: limits, sums: map[string]Sum{}, execs: map[string]bool{}}
	err = x.run()
	return x.unpacked(), errors.Join(err, root.Close())
}

// extraction is one archive on its way to disk.
type extraction struct {
	src      *source
	tar      *bufio.Reader
	tree     *tree
	names    *names
	limits   Limits
	last     string // the name before
	bytes    int64
	sums     map[string]Sum
	execs    map[string]bool
	data     []byte // of the manifest
	manifest *manifest.Manifest
}

func (x *extraction) run() error {
	for {
		e, more, err := x.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := x.extract(e); err != nil {
			return err
		}
	}
	if err := x.check(); err != nil {
		return err
	}
	return x.tree.seal()
}

// next reads the header of a file; more is false at the end of the archive.
func (x *extraction) next() (e entry, more bool, err error) {
	var b block
	if err := x.read(b[:]); err != nil {
		return e, false, err
	}
	if b == (block{}) {
		return e, false, x.end()
	}
	if e, err = b.parse(); err != nil {
		return e, false, err
	}
	return e, true, x.allow(e)
}

// end reads what follows the first block of zeros: a second one, and no more.
func (x *extraction) end() error {
	var b block
	if err := x.read(b[:]); err != nil {
		return err
	}
	if b != (block{}) {
		return refuse(RuleEnd, "", "one block of zeros stands in its tar stream, where two mark the end")
	}
	if _, err := x.tar.ReadByte(); !errors.Is(err, io.EOF) {
		if err != nil {
			return x.src.reason(err)
		}
		return refuse(RuleEnd, "", "something follows the end of its tar stream")
	}
	return nil
}

// allow holds a file against the order, the limits and the other names.
func (x *extraction) allow(e entry) error {
	switch {
	case e.name <= x.last:
		return refuse(RuleOrder, e.name, "comes after %q; names are in order, each once", x.last)
	case len(x.sums) >= MaxFiles:
		return refuse(RuleLimit, "", "it has more than %d files", MaxFiles)
	case e.size > x.limits.unpacked()-x.bytes:
		return refuse(RuleLimit, e.name, "makes the files larger than the %d bytes that are allowed", x.limits.unpacked())
	case e.name == manifest.FileName && e.size > maxManifest:
		return refuse(RuleLimit, e.name, "has %d bytes, more than %d", e.size, maxManifest)
	case e.name == manifest.FileName && e.exec:
		return refuse(RuleMode, e.name, "is executable; the manifest has the mode 0000644")
	}
	x.last, x.execs[e.name] = e.name, e.exec
	x.bytes += e.size
	return x.names.add(e.name)
}

// extract writes a file, and keeps its digest.
func (x *extraction) extract(e entry) error {
	content := &io.LimitedReader{R: x.tar, N: e.size}
	sum, data, err := x.tree.write(e, content)
	if readErr := (*readError)(nil); errors.As(err, &readErr) {
		return x.src.reason(readErr.err)
	}
	if err != nil {
		return fmt.Errorf("unpacking an archive: %w", err)
	}
	if x.sums[e.name] = sum; e.name == manifest.FileName {
		x.data = data
	}
	pad := make([]byte, e.padding())
	if err := x.read(pad); err != nil {
		return err
	}
	for _, c := range pad {
		if c != 0 {
			return refuse(RuleHeader, e.name, "is followed by other bytes than zeros")
		}
	}
	return nil
}

func (x *extraction) read(b []byte) error {
	if _, err := io.ReadFull(x.tar, b); err != nil {
		return x.src.reason(err)
	}
	return nil
}

// check looks at the whole when all is read.
func (x *extraction) check() (err error) {
	if x.limits.Unpacked > 0 && x.bytes != x.limits.Unpacked {
		return refuse(RuleLimit, "", "its files have %d bytes, and %d were promised", x.bytes, x.limits.Unpacked)
	}
	if _, ok := x.sums[manifest.FileName]; !ok {
		return refuse(RuleManifest, "", "it has no %s", manifest.FileName)
	}
	if x.manifest, err = readManifest(x.data); err != nil {
		return err
	}
	if err := checkExecutable(x.manifest, x.sums); err != nil {
		return err
	}
	if !x.execs[x.manifest.Executable] {
		return refuse(RuleMode, x.manifest.Executable, "is the manifest's executable and has not the mode 0000755")
	}
	return nil
}

func (x *extraction) unpacked() *Unpacked {
	return &Unpacked{H1: H1(x.sums), Bytes: x.bytes, Files: x.sums, Manifest: x.manifest}
}
