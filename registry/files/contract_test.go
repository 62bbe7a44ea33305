// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/serve"
)

// place is one kind of store, and the source that reads what is put into it.
type place struct {
	store  files.Store
	source files.Source
}

// places are all kinds of them.
var places = map[string]func(t *testing.T) place{
	"directory": func(t *testing.T) place {
		s := directory(t, t.TempDir())
		return place{s, s}
	},
	"file URL": func(t *testing.T) place {
		dir := t.TempDir()
		src, err := files.OpenSource("file://"+filepath.ToSlash("/"+strings.TrimPrefix(dir, "/")), files.Options{})
		must(t, err)
		return place{directory(t, dir), src}
	},
	"web server": func(t *testing.T) place {
		dir := t.TempDir()
		h, err := serve.Handler(dir, serve.Options{Rate: -1})
		must(t, err)
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return place{directory(t, dir), web(t, server.URL)}
	},
	"OCI registry": func(t *testing.T) place {
		s := ociStore(t, newDistribution(t, &distribution{ranges: true}))
		return place{s, s}
	},
	"OCI registry without ranges": func(t *testing.T) place {
		s := ociStore(t, newDistribution(t, &distribution{}))
		return place{s, s}
	},
}

// TestContract is what every kind of store and source keeps.
func TestContract(t *testing.T) {
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			contract(t, open(t))
		})
	}
}

// TestContractOfRealRegistry runs the contract against an OCI registry of
// somebody's own, oci://localhost:5000/NAME.
func TestContractOfRealRegistry(t *testing.T) {
	address := os.Getenv("BULKHEAD_TEST_OCI")
	if address == "" {
		t.Skip("BULKHEAD_TEST_OCI has no address of an OCI registry")
	}
	s, err := files.OpenStore(address, files.Options{LockDir: t.TempDir()})
	must(t, err)
	contract(t, place{s, s})
}

func contract(t *testing.T, p place) {
	t.Run("put and read", func(t *testing.T) { putAndRead(t, p) })
	t.Run("replace", func(t *testing.T) { replaces(t, p) })
	t.Run("missing", func(t *testing.T) { missing(t, p) })
	t.Run("offsets", func(t *testing.T) { offsets(t, p) })
	t.Run("bounds", func(t *testing.T) { bounds(t, p) })
	t.Run("download", func(t *testing.T) { downloads(t, p) })
	t.Run("resume", func(t *testing.T) { resumes(t, p) })
	t.Run("together", func(t *testing.T) { together(t, p) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, p) })
	t.Run("lock", func(t *testing.T) { locks(t, p) })
}

func putAndRead(t *testing.T, p place) {
	for name, data := range map[string]string{
		"metadata/1.root.json":                         `{"signed":1}`,
		"log/lookup/acme/scaler/1.2.0-rc.1+build":      "7\n",
		"log/tile/8/0/x001/234.p/5":                    "tile",
		"targets/" + strings.Repeat("long/", 40) + "a": "a tag would be too long",
		"metadata/a%2Fb.json":                          "a percent sign is one",
	} {
		must(t, p.store.Put(t.Context(), name, strings.NewReader(data)))
		got, err := files.ReadAll(t.Context(), p.source, name, 100)
		if err != nil || string(got) != data {
			t.Errorf("%s: %q, %v; want %q", name, got, err, data)
		}
	}
}

func replaces(t *testing.T, p place) {
	for _, data := range []string{"first", "the second is longer", "3"} {
		must(t, p.store.Put(t.Context(), "metadata/timestamp.json", strings.NewReader(data)))
		got, err := files.ReadAll(t.Context(), p.source, "metadata/timestamp.json", 100)
		if err != nil || string(got) != data {
			t.Errorf("%q, %v; want %q", got, err, data)
		}
	}
}

func missing(t *testing.T, p place) {
	for _, name := range []string{"metadata/none.json", "targets/none/none/none"} {
		if _, _, err := p.source.Open(t.Context(), name, 0); !errors.Is(err, files.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var bad *files.NameError
	for _, name := range []string{"../x", "", ".lock", "/metadata/x"} {
		if _, _, err := p.source.Open(t.Context(), name, 0); !errors.As(err, &bad) {
			t.Errorf("Open(%q): %v", name, err)
		}
		if err := p.store.Put(t.Context(), name, strings.NewReader("x")); !errors.As(err, &bad) {
			t.Errorf("Put(%q): %v", name, err)
		}
	}
}

func offsets(t *testing.T, p place) {
	data := noise(100_000)
	name := hashName(data)
	must(t, p.store.Put(t.Context(), name, bytes.NewReader(data)))
	for _, offset := range []int64{0, 1, 50_000, 99_999, 100_000} {
		r, info, err := p.source.Open(t.Context(), name, offset)
		if err != nil {
			t.Errorf("from %d: %v", offset, err)
			continue
		}
		got, err := io.ReadAll(r)
		must(t, errors.Join(err, r.Close()))
		if info.Size != 100_000 || info.Offset != offset && info.Offset != 0 || !bytes.Equal(got, data[info.Offset:]) {
			t.Errorf("from %d: %+v and %d bytes", offset, info, len(got))
		}
	}
}

func bounds(t *testing.T, p place) {
	must(t, p.store.Put(t.Context(), "metadata/big.json", bytes.NewReader(make([]byte, 1000))))
	var large *files.TooLargeError
	if _, err := files.ReadAll(t.Context(), p.source, "metadata/big.json", 999); !errors.As(err, &large) || large.Limit != 999 || large.Got != 1000 {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := files.ReadAll(t.Context(), p.source, "metadata/big.json", 1000); err != nil {
		t.Error(err)
	}
}

func downloads(t *testing.T, p place) {
	data := noise(300_000)
	name := hashName(data)
	must(t, p.store.Put(t.Context(), name, bytes.NewReader(data)))
	path := filepath.Join(t.TempDir(), "new", "file")
	var last files.Progress
	o := files.DownloadOptions{Path: path, Size: 300_000, SHA256: sum(data), Progress: func(p files.Progress) { last = p }}
	must(t, files.Download(t.Context(), p.source, name, o))
	has(t, path, data)
	if last.Name != name || last.Bytes != 300_000 || last.Total != 300_000 || last.Rate <= 0 {
		t.Errorf("the last progress is %+v", last)
	}
	only(t, filepath.Dir(path), "file")
	o.Path, o.SHA256 = path+"2", sum(nil)
	var wrong *files.DigestError
	if err := files.Download(t.Context(), p.source, name, o); !errors.As(err, &wrong) || wrong.Got != sum(data) {
		t.Errorf("another file: %v", err)
	}
	only(t, filepath.Dir(path), "file")
}

func resumes(t *testing.T, p place) {
	data := noise(300_000)
	name := hashName(data)
	must(t, p.store.Put(t.Context(), name, bytes.NewReader(data)))
	path := filepath.Join(t.TempDir(), "file")
	stop := errors.New("stop")
	breaking := &interposed{Source: p.source, wrap: func(r io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(r, 123_456), failing{stop})
	}}
	o := files.DownloadOptions{Path: path, Size: 300_000, SHA256: sum(data), Attempts: 1}
	if err := files.Download(t.Context(), breaking, name, o); !errors.Is(err, stop) {
		t.Fatalf("the first try: %v", err)
	}
	must(t, files.Download(t.Context(), p.source, name, o))
	has(t, path, data)
	only(t, filepath.Dir(path), "file")
}

func together(t *testing.T, p place) {
	data := noise(200_000)
	name := hashName(data)
	must(t, p.store.Put(t.Context(), name, bytes.NewReader(data)))
	path := filepath.Join(t.TempDir(), "file")
	counting := &interposed{Source: p.source}
	var hosts sync.WaitGroup
	for range 8 {
		hosts.Go(func() {
			if err := files.Download(t.Context(), counting, name, files.DownloadOptions{Path: path, Size: 200_000, SHA256: sum(data)}); err != nil {
				t.Error(err)
			}
		})
	}
	hosts.Wait()
	has(t, path, data)
	if n := counting.opened.Load(); n != 1 {
		t.Errorf("the file was downloaded %d times", n)
	}
	only(t, filepath.Dir(path), "file")
}

func cancelled(t *testing.T, p place) {
	must(t, p.store.Put(t.Context(), "metadata/x.json", strings.NewReader("x")))
	ctx, cancel := contextWithCause(t)
	cancel(errStopped)
	if _, err := files.ReadAll(ctx, p.source, "metadata/x.json", 10); !isStopped(err) {
		t.Errorf("ReadAll: %v", err)
	}
	if err := p.store.Put(ctx, "metadata/y.json", strings.NewReader("y")); !isStopped(err) {
		t.Errorf("Put: %v", err)
	}
}

func locks(t *testing.T, p place) {
	unlock, err := p.store.Lock(t.Context())
	must(t, err)
	held := make(chan struct{})
	go func() {
		second, err := p.store.Lock(t.Context())
		if err == nil {
			err = second()
		}
		if err != nil {
			t.Error(err)
		}
		close(held)
	}()
	select {
	case <-held:
		t.Error("two writers have the lock")
	case <-time.After(30 * time.Millisecond):
	}
	must(t, unlock())
	<-held
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(data)
	return data
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func hashName(data []byte) string { return "targets/acme/" + sum(data) + ".tar.zst" }
