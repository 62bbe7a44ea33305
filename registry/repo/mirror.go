// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// ErrUnsound: an audit found faults; the report has them.
var ErrUnsound = errors.New("the registry has faults, and nothing of it was copied")

// Mirror copies what clients need of a registry: all roots, the metadata that
// count now, all targets and the log. It audits the source before anything counts,
// and copies no byte that the audit did not see or that has not the digest which
// is signed. The timestamp is written last, so that the copy is the old registry
// or the new one at every moment.
//
// What the destination has already is not read from the source again.
func Mirror(ctx context.Context, src files.Source, dst files.Store, o VerifyOptions) (report *Report, err error) {
	var targets []string
	o.Target = func(_ context.Context, name string, _ func() (io.ReadCloser, error)) error {
		targets = append(targets, name) // its digest is in its name
		return nil
	}
	rec := &recorder{Source: src, seen: map[string]seen{}}
	report, err = Verify(ctx, rec, o)
	if err == nil && !report.Sound() {
		err = ErrUnsound
	}
	if err != nil {
		return report, err
	}
	unlock, err := dst.Lock(ctx)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return report, files.Mirror(ctx, &pinned{rec}, dst, o.copying(), append(targets, rec.names()...)...)
}

// copying tells of a copy as an audit does of what it reads.
func (o VerifyOptions) copying() func(files.MirrorProgress) {
	if o.Progress == nil {
		return nil
	}
	return func(p files.MirrorProgress) {
		o.Progress(Progress{Step: Copying, Name: p.Name, Done: p.Done, Total: p.Files, Bytes: p.Bytes, Size: p.Total})
	}
}

// seen is a file that was read to its end.
type seen struct {
	size   int64
	sha256 string
	data   []byte // of the two files that change
}

// recorder remembers what was read of a source.
type recorder struct {
	files.Source
	mu   sync.Mutex
	seen map[string]seen
}

// names are the files that were read, those last that name all others.
func (r *recorder) names() []string {
	last := []string{translog.CheckpointName, timestampName}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.seen)), func(name string) bool { return slices.Contains(last, name) })
	return append(names, last...)
}

// Open opens a file and watches the reading.
func (r *recorder) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	body, info, err := r.Source.Open(ctx, name, offset)
	if err != nil || offset != 0 {
		return body, info, err
	}
	return &recording{ReadCloser: body, of: r, name: name, sum: sha256.New()}, info, nil
}

// recording is one file that is being read.
type recording struct {
	io.ReadCloser
	of   *recorder
	name string
	sum  hash.Hash
	size int64
	data []byte
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	_, _ = r.sum.Write(p[:n]) // hashes never fail
	r.size += int64(n)
	if r.changes() {
		r.data = append(r.data, p[:n]...)
	}
	if errors.Is(err, io.EOF) {
		r.of.mu.Lock()
		defer r.of.mu.Unlock()
		r.of.seen[r.name] = seen{size: r.size, sha256: hex.EncodeToString(r.sum.Sum(nil)), data: r.data}
	}
	return n, err
}

// changes reports whether the file is one that is replaced; both are small, and
// whoever reads them stops at a limit.
func (r *recording) changes() bool {
	return r.name == timestampName || r.name == translog.CheckpointName
}

// pinned gives the files that were recorded once more, and no others than those
// and targets.
type pinned struct{ *recorder }

// Open gives a recorded file whole from memory, a target from the source.
func (p *pinned) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	was, ok := p.seen[name]
	if !ok {
		return p.Source.Open(ctx, name, offset)
	}
	data := was.data
	if data == nil {
		var err error
		if data, err = read(ctx, p.Source, name, was.size); err != nil {
			return nil, files.Info{}, err
		}
	}
	if hexSHA256(data) != was.sha256 || offset > was.size {
		return nil, files.Info{}, fmt.Errorf("%s of %s changed while it was copied; run the command again", name, p.Source)
	}
	return io.NopCloser(bytes.NewReader(data[offset:])), files.Info{Size: was.size, Tag: was.sha256, Offset: offset}, nil
}
