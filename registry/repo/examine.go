// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"github.com/bulkhead-ml/bulkhead/internal/scratch"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// exact reads a file that must have a size and a digest. When it has others, the
// end of reading is a *contentError, so that whoever writes it does not finish.
type exact struct {
	from      io.Reader
	sum       hash.Hash
	got, want int64
	digest    string
}

func newExact(from io.Reader, bytes int64, digest string) *exact {
	return &exact{from: from, sum: sha256.New(), want: bytes, digest: digest}
}

// contentError: a file is not what was signed.
type contentError struct {
	got, want int64 // bytes; got may stop at the first one too many
	digest    string
}

func (e *contentError) Error() string {
	if e.got != e.want {
		return fmt.Sprintf("its length is not the %d bytes that were signed", e.want)
	}
	return "its content is not the one that was signed, " + e.digest
}

// openExact opens a target that must have a size and a digest.
func openExact(ctx context.Context, src files.Source, name string, bytes int64, sha256Hex string) (io.ReadCloser, error) {
	r, _, err := src.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{newExact(r, bytes, "sha256:"+sha256Hex), r}, nil
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	_, _ = e.sum.Write(p[:n]) // hashes never fail
	e.got += int64(n)
	if e.got > e.want || errors.Is(err, io.EOF) && (e.got != e.want || "sha256:"+hex.EncodeToString(e.sum.Sum(nil)) != e.digest) {
		return n, &contentError{got: e.got, want: e.want, digest: e.digest}
	}
	return n, err
}

// contents unpacks an archive for a moment, looks at it, and gives what it is.
func contents(ctx context.Context, file string, limits archive.Limits, look func(dir string, u *archive.Unpacked) error) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	temp, err := scratch.New("archive")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	dir := filepath.Join(temp.Path, "plugin")
	u, err := archive.Unpack(ctx, f, dir, limits)
	if err != nil {
		return err
	}
	return look(dir, u)
}

// checkArchive checks that a file is the archive that a release describes, and
// that the manifest in it says what the release says.
func checkArchive(ctx context.Context, file string, rel *release.Release, platform string) error {
	want := rel.Platforms[platform]
	if err := checkFile(file, want); err != nil {
		return err
	}
	return contents(ctx, file, archive.Limits{Bytes: want.Bytes, Unpacked: want.Unpacked}, func(dir string, u *archive.Unpacked) error {
		if u.H1 != want.H1 || u.Manifest.Digest != want.Executable {
			return fmt.Errorf("the archive unpacks to %s with the executable %s; the release says %s and %s", u.H1, u.Manifest.Digest, want.H1, want.Executable)
		}
		built, err := platformOf(filepath.Join(dir, u.Manifest.Executable))
		if err != nil {
			return err
		}
		if native := built != "" && built != release.Any; native && built != platform {
			return fmt.Errorf("its executable is a program for %s", built)
		}
		return agrees(u.Manifest, rel)
	})
}

// checkFile checks the size and the digest of a file.
func checkFile(name string, want release.Platform) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, newExact(f, want.Bytes, want.Archive))
	return err
}

// agrees checks that a release asks for what the manifest asks for: a user
// consents to the one, and the host obeys the other.
func agrees(m *manifest.Manifest, rel *release.Release) error {
	id, err := release.ParseID(rel.ID)
	if err != nil {
		return err
	}
	grants := func(g []manifest.Grant) []manifest.Grant { return append([]manifest.Grant{}, g...) }
	switch {
	case m.Name != id.Name:
		return fmt.Errorf("its manifest is of the plugin %q", m.Name)
	case m.Version != rel.Version:
		return fmt.Errorf("its manifest has version %q", m.Version)
	case !reflect.DeepEqual(grants(m.Grants), grants(rel.Grants)):
		return errors.New("its manifest asks for other grants than the release")
	case !reflect.DeepEqual(m.Protocols, rel.Protocols):
		return fmt.Errorf("its manifest has the protocols %v, the release %v", m.Protocols, rel.Protocols)
	case m.Summary != rel.Summary || m.Licence != rel.Licence:
		return errors.New("its manifest has another summary or licence than the release")
	}
	return nil
}
