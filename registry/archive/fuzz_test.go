// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fuzzLimit bounds what one input may write.
const fuzzLimit = 1 << 20

// FuzzUnpack reads any bytes as an archive.
func FuzzUnpack(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.data)
	}
	f.Fuzz(unpackAny)
}

// FuzzTar reads any bytes as the tar stream in an archive, which the checksum of
// the frame keeps FuzzUnpack from reaching.
func FuzzTar(f *testing.F) {
	for _, v := range vectors() {
		if v.Verdict == "accepted" || v.Rule != RuleFrame && v.Rule != RuleEnd && v.Rule != RuleLimit {
			f.Add(decompress(f, v.data))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) { unpackAny(t, compress(stream)) })
}

// memoryDir is a new directory in memory where the system has such: bringing
// thousands of archives to disk would take all the time.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "bulkhead-fuzz-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func unpackAny(t *testing.T, data []byte) {
	above := memoryDir(t)
	dir := filepath.Join(above, "in")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	u, err := unpackBounded(ctx, data, dir)
	entries, _ := os.ReadDir(above)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) || len(entries) != 0 {
			t.Fatalf("%d entries are left: %v", len(entries), err)
		}
		return
	}
	defer func() { _ = Remove(dir) }()
	if len(entries) != 1 || entries[0].Name() != "in" {
		t.Fatalf("files are outside: %v", entries)
	}
	agrees(t, data, dir, u)
}

func unpackBounded(ctx context.Context, data []byte, dir string) (*Unpacked, error) {
	u, err := Unpack(ctx, bytes.NewReader(data), dir, Limits{Unpacked: fuzzLimit})
	if e, ok := errors.AsType[*RefusedError](err); ok && e.Rule == RuleLimit && e.Name == "" {
		return Unpack(ctx, bytes.NewReader(data), dir, Limits{}) // it is smaller
	}
	return u, err
}

// agrees compares what was unpacked with what archive/tar sees, with the digest
// of the directory, and with the same directory packed again.
func agrees(t *testing.T, data []byte, dir string, u *Unpacked) {
	t.Helper()
	got := read(t, dir)
	stream := decompress(t, data)
	want := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		content, err := io.ReadAll(r)
		must(t, err)
		want[h.Name] = string(content)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("archive/tar reads %q, and %q were unpacked", want, got)
	}
	var again bytes.Buffer
	p, err := Pack(dir, &again, Options{})
	must(t, err)
	if p.H1 != u.H1 || !bytes.Equal(decompress(t, again.Bytes()), stream) {
		t.Fatal("the directory is packed into another archive")
	}
}
