// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func zstandard(t testing.TB, texts ...string) string {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, text := range texts {
		out = enc.EncodeAll([]byte(text), out)
	}
	return string(out)
}

func TestCompressed(t *testing.T) {
	const head, tail = "a,b\n1,x\n", "2,y\n"
	for name, content := range map[string]string{
		"gzip": gzipped(t, head+tail), "gzip, two members": gzipped(t, head, tail),
		"zstd": zstandard(t, head+tail), "zstd, two frames": zstandard(t, head, tail),
		"zstd, skippable": "\x50\x2a\x4d\x18\x02\x00\x00\x00xx" + zstandard(t, head+tail),
	} {
		t.Run(name, func(t *testing.T) {
			tab, err := Open(context.Background(), Spec{Path: write(t, content)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rows(t, tab)); got != "[[1 x] [2 y]]" || tab.Rows() != 2 || tab.Bytes() != int64(len(content)) {
				t.Errorf("rows %s, %d of them in %d bytes", got, tab.Rows(), tab.Bytes())
			}
		})
	}
}

func TestBrokenCompression(t *testing.T) {
	long := "a,b\n" + strings.Repeat("1,2\n3,44\n", 5000)
	flipped := []byte(gzipped(t, long))
	flipped[len(flipped)-6] ^= 1
	for name, c := range map[string]struct {
		content string
		spec    Spec
		says    string
	}{
		"cut gzip":        {gzipped(t, long)[:60], Spec{}, "Damaged gzip file: It ends in the middle"},
		"cut zstd":        {zstandard(t, long)[:30], Spec{}, "Damaged zstd file"},
		"checksum":        {string(flipped), Spec{}, "Damaged gzip file"},
		"no gzip":         {long, Spec{Compression: "gzip"}, "Damaged gzip file"},
		"garbage behind":  {gzipped(t, long) + "garbage", Spec{}, fmt.Sprintf("Bytes behind the gzip data: Its compressed data is whole and ends at byte %d, and the 7 bytes", len(gzipped(t, long)))},
		"a lot behind":    {gzipped(t, "a\n", "1\n") + long, Spec{}, fmt.Sprintf("head -c %d ", len(gzipped(t, "a\n", "1\n")))},
		"cut member":      {gzipped(t, long) + "\x1f\x8b\x08", Spec{}, "Damaged gzip file: It ends in the middle"},
		"nothing inside":  {gzipped(t, ""), Spec{}, "Empty file"},
		"told it is none": {gzipped(t, long), Spec{Compression: "none"}, "compressed by gzip"},
		"tar inside":      {gzipped(t, "PK\x03\x04"), Spec{}, "zip archive"},
		"utf-16":          {"\xff\xfea\x00,\x00b\x00", Spec{}, "UTF-16"},
		"utf-16 be":       {"\xfe\xff\x00a", Spec{}, "UTF-16"},
		"utf-32":          {"\xff\xfe\x00\x00a\x00\x00\x00", Spec{}, "UTF-32"},
		"parquet":         {"PAR1xxxx", Spec{}, "parquet ="},
		"sqlite":          {"SQLite format 3\x00", Spec{}, "sqlite ="},
		"utf-16, no mark": {"a\x00,\x00b\x00\n\x00", Spec{}, "zero byte"},
		"unknown":         {long, Spec{Compression: "lz4"}, "Unknown compression"},
		"of parquet":      {long, Spec{Format: Parquet, Compression: "gzip"}, "Decompress it first"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path = write(t, c.content)
			_, err := Open(context.Background(), c.spec, nil)
			if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

// TestBomb reads a file of some kilobytes that becomes many mebibytes.
func TestBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("expands to 64 MiB")
	}
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("1,2\n", 1<<18)
	for range 80 {
		if _, err := enc.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	content := zstandard(t, "a,b\n") + out.String()
	tab, err := Open(context.Background(), Spec{Path: write(t, content)}, nil)
	for err == nil {
		for _, err = range tab.Batches(context.Background()) {
			if err != nil {
				break
			}
		}
	}
	if !strings.Contains(err.Error(), "expands without end") {
		t.Errorf("error %v", err)
	}
}

func TestSample(t *testing.T) {
	early := "a,b\n1,2\n3,4\n"
	for name, c := range map[string]struct {
		rest  string
		line  int
		says  string
		types map[string]string
	}{
		"fraction": {"5,6.5\n", 4, `types = { b = "float64" }`, nil},
		"text":     {"x,6\n", 4, `types = { a = "string" }`, nil},
		"declared": {"5,x\n", 4, `"x" is no int32`, map[string]string{"b": "int32"}},
		"ragged":   {"5\n", 4, "Ragged", nil},
		"utf-8":    {"5,\xff\n", 4, "UTF-8", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tab, err := Open(context.Background(), Spec{Path: write(t, early+c.rest), Types: c.types, sample: 8}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tab.Exact() || tab.Rows() != -1 {
				t.Errorf("exact %v, %d rows", tab.Exact(), tab.Rows())
			}
			var last error
			for _, last = range tab.Batches(context.Background()) {
			}
			e, ok := errors.AsType[*Error](last)
			if !ok || e.Line != c.line || !strings.Contains(e.Error(), c.says) {
				t.Errorf("error %v, want %q at line %d", last, c.says, c.line)
			}
		})
	}
	tab, err := Open(context.Background(), Spec{Path: write(t, early+"5,6\n"), sample: 8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rows(t, tab)); got != "[[1 2] [3 4] [5 6]]" {
		t.Errorf("rows %s", got)
	}
}

func TestDigest(t *testing.T) {
	content := "a,b\n1,2\n"
	path := write(t, content)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	tab, err := Open(context.Background(), Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
	var read int64
	ctx := WithProgress(context.Background(), func(p Progress) { read = p.Bytes })
	for range 2 {
		if got, err := tab.Digest(ctx); err != nil || got != want {
			t.Errorf("digest %s, %v", got, err)
		}
		if read != int64(len(content)) {
			t.Errorf("%d bytes were read", read)
		}
		ctx = WithProgress(context.Background(), func(Progress) { t.Error("the file was read again") })
	}
	if err := os.WriteFile(path, []byte("a,b\n1,3\n4,5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Digest(context.Background()); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("error %v", err)
	}
}

func TestProgress(t *testing.T) {
	content := "a,b\n" + strings.Repeat("1,2\n", 1<<18)
	tab, err := Open(context.Background(), Spec{Path: write(t, content)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var last Progress
	ctx := WithProgress(context.Background(), func(p Progress) {
		if p.Bytes < last.Bytes {
			t.Errorf("%d bytes after %d", p.Bytes, last.Bytes)
		}
		last = p
	})
	for _, err := range tab.Batches(ctx) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := (Progress{StageRead, int64(len(content)), int64(len(content))}); last != want {
		t.Errorf("progress ends at %+v", last)
	}
}

// FuzzCompressed reads any bytes as a compressed file.
func FuzzCompressed(f *testing.F) {
	f.Add([]byte(gzipped(f, "a,b\n1,2\n", "3,4\n")))
	f.Add([]byte(zstandard(f, "a,b\n1,2\n", "3,4\n")))
	f.Fuzz(func(t *testing.T, content []byte) {
		readTwice(t, Spec{Path: write(t, string(content))})
	})
}
