// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
	"time"
)

// digests of files that were hashed by this process. A file is known by its
// path, and by what newFile saw: the same file, size and time.
var digests = struct {
	sync.Mutex
	known map[string]digested
}{known: map[string]digested{}}

type digested struct {
	file   *file
	digest string
}

// maxDigests bounds what is remembered.
const maxDigests = 4096

// digest hashes the bytes of the file.
func (f *file) digest(ctx context.Context) (string, error) {
	if err := f.inPlace(); err != nil {
		return "", err
	}
	if d, ok := f.knownDigest(); ok {
		return d, nil
	}
	in, err := f.open()
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }() // it was only read
	sum := sha256.New()
	count := &counted{in: in, ctx: ctx, total: f.info.Size(), report: reporter(ctx), stage: StageDigest}
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{count}, make([]byte, 1<<20)); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", unreadable(f.path, err)
	}
	if err := f.unchanged(in); err != nil {
		return "", err
	}
	d := "sha256:" + hex.EncodeToString(sum.Sum(nil))
	f.remember(d)
	return d, nil
}

func (f *file) knownDigest() (string, bool) {
	digests.Lock()
	defer digests.Unlock()
	d, ok := digests.known[f.path]
	return d.digest, ok && f.same(d.file.info)
}

// remember keeps a digest, unless the file is so young that its time may stay
// the same when it is written once more.
func (f *file) remember(digest string) {
	if time.Since(f.info.ModTime()) < 2*time.Second {
		return
	}
	digests.Lock()
	defer digests.Unlock()
	if len(digests.known) >= maxDigests {
		clear(digests.known)
	}
	digests.known[f.path] = digested{f, digest}
}
