// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// recording is a store that knows what was put into it, in order.
type recording struct {
	files.Store
	mu   sync.Mutex
	puts []string
	fail string
}

var errPut = errors.New("no more room")

func (r *recording) Put(ctx context.Context, name string, data io.Reader) error {
	r.mu.Lock()
	r.puts = append(r.puts, name)
	r.mu.Unlock()
	if name == r.fail {
		return errPut
	}
	return r.Store.Put(ctx, name, data)
}

// registryFiles fills a store and returns its names, what refers to others last.
func registryFiles(t *testing.T, s files.Store) []string {
	t.Helper()
	target := noise(5000)
	names := []string{"metadata/timestamp.json", hashName(target), "metadata/1.root.json", "log/checkpoint", "log/tile/8/0/000.p/3"}
	for _, name := range names {
		data := []byte(name)
		if name == hashName(target) {
			data = target
		}
		must(t, s.Put(t.Context(), name, bytes.NewReader(data)))
	}
	return []string{names[2], names[3], names[1], names[4], names[0]}
}

func TestMirror(t *testing.T) {
	src := directory(t, t.TempDir())
	names := registryFiles(t, src)
	dst := &recording{Store: directory(t, t.TempDir())}
	var told []files.MirrorProgress
	must(t, files.Mirror(t.Context(), src, dst, func(p files.MirrorProgress) { told = append(told, p) }, names...))
	if last := told[len(told)-1]; last.Done != len(names) || last.Files != len(names) || last.Name != "metadata/timestamp.json" {
		t.Errorf("at the end it tells %+v", last)
	}
	if !slices.ContainsFunc(told, func(p files.MirrorProgress) bool { return p.Name == names[2] && p.Bytes == 5000 && p.Total == 5000 }) {
		t.Errorf("of the target it tells nothing: %+v", told)
	}
	if got := dst.puts[3:]; !slices.Equal(got, []string{"log/checkpoint", "metadata/timestamp.json"}) {
		t.Errorf("the files that change came as %q, all as %q", got, dst.puts)
	}
	for _, name := range names {
		want, err := files.ReadAll(t.Context(), src, name, 1<<20)
		must(t, err)
		if got, err := files.ReadAll(t.Context(), dst, name, 1<<20); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	dst.puts = nil
	must(t, src.Put(t.Context(), "metadata/timestamp.json", strings.NewReader("new")))
	counting := &interposed{Source: src}
	must(t, files.Mirror(t.Context(), counting, dst, nil, names...))
	if !slices.Equal(dst.puts, []string{"metadata/timestamp.json"}) || counting.opened.Load() != 4 {
		t.Errorf("a second time %d were read and %q written", counting.opened.Load(), dst.puts)
	}
}

func TestMirrorWritesNothingThatRefersToMissing(t *testing.T) {
	src := directory(t, t.TempDir())
	names := registryFiles(t, src)
	dst := &recording{Store: directory(t, t.TempDir()), fail: names[2]}
	if err := files.Mirror(t.Context(), src, dst, nil, names...); !errors.Is(err, errPut) {
		t.Fatalf("%v", err)
	}
	if slices.Contains(dst.puts, "metadata/timestamp.json") || slices.Contains(dst.puts, "log/checkpoint") {
		t.Errorf("written after the failure: %q", dst.puts)
	}
}

func TestMirrorRefusesTampering(t *testing.T) {
	src, dst := directory(t, t.TempDir()), directory(t, t.TempDir())
	names := registryFiles(t, src)
	must(t, files.Mirror(t.Context(), src, dst, nil, names...))
	must(t, src.Put(t.Context(), "metadata/1.root.json", strings.NewReader("another root")))
	var changed *files.ChangedError
	if err := files.Mirror(t.Context(), src, dst, nil, names...); !errors.As(err, &changed) || changed.Name != "metadata/1.root.json" {
		t.Errorf("metadata that changed under its version: %v", err)
	}
	must(t, src.Put(t.Context(), names[2], strings.NewReader("another archive")))
	must(t, files.Mirror(t.Context(), src, dst, nil, names[2]))
	must(t, dst.Put(t.Context(), names[2], strings.NewReader("a damaged copy")))
	var wrong *files.DigestError
	if err := files.Mirror(t.Context(), src, dst, nil, names[2]); !errors.As(err, &wrong) {
		t.Errorf("a target that is not its name: %v", err)
	}
}

func TestMirrorRepairs(t *testing.T) {
	src, dst := directory(t, t.TempDir()), directory(t, t.TempDir())
	names := registryFiles(t, src)
	must(t, dst.Put(t.Context(), names[2], strings.NewReader("a damaged copy")))
	must(t, files.Mirror(t.Context(), src, dst, nil, names...))
	if got, err := files.ReadAll(t.Context(), dst, names[2], 1<<20); err != nil || !bytes.Equal(got, noise(5000)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestMirrorToOCIAndBack(t *testing.T) {
	src := directory(t, t.TempDir())
	names := registryFiles(t, src)
	oci := ociStore(t, newDistribution(t, &distribution{ranges: true}))
	dst := directory(t, t.TempDir())
	must(t, files.Mirror(t.Context(), src, oci, nil, names...))
	must(t, files.Mirror(t.Context(), oci, dst, nil, names...))
	for _, name := range names {
		if _, err := files.ReadAll(t.Context(), dst, name, 1<<20); err != nil {
			t.Error(err)
		}
	}
}
