// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// flaky serves data with a strong tag, and cuts the n-th answer after cuts[n] bytes
// of its body.
func flaky(t *testing.T, data []byte, cuts ...int) (files.Source, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	src, requests := answers(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v"`)
		if i := int(n.Add(1)) - 1; i < len(cuts) {
			w = &cutting{w, cuts[i]}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	return src, requests
}

// cutting is a connection that breaks.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// TestDownloadOverBrokenConnections cuts one connection at each class of offset:
// before the first byte, at the edges of the buffers in between, before the last.
func TestDownloadOverBrokenConnections(t *testing.T) {
	const size = 70_000
	data := noise(size)
	for _, cut := range []int{0, 1, 2, 511, 512, 513, 4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65537, size - 2, size - 1} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			src, n := flaky(t, data, cut)
			path := filepath.Join(t.TempDir(), "f")
			must(t, files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: size, SHA256: sum(data), Pause: time.Millisecond}))
			has(t, path, data)
			only(t, filepath.Dir(path), "f")
			if n.Load() != 2 {
				t.Errorf("%d requests for one break", n.Load())
			}
		})
	}
}

func TestDownloadGivesUpAndGoesOn(t *testing.T) {
	data := noise(1000)
	src, n := flaky(t, data, 100, 100, 100, 100)
	path := filepath.Join(t.TempDir(), "f")
	o := files.DownloadOptions{Path: path, Size: 1000, SHA256: sum(data), Pause: time.Millisecond}
	if err := files.Download(t.Context(), src, "a", o); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "after 400 bytes") {
		t.Errorf("%v", err)
	}
	only(t, filepath.Dir(path), "f.partial", "f.partial.json")
	var first files.Progress
	o.Progress = func(p files.Progress) {
		if first.Name == "" {
			first = p
		}
	}
	must(t, files.Download(t.Context(), src, "a", o))
	has(t, path, data)
	if n.Load() != 5 || first.Bytes < 400 {
		t.Errorf("%d requests, the first progress %+v", n.Load(), first)
	}
}

// A connection that always breaks but brings enough each time gets there.
func TestDownloadCountsAttemptsWithoutProgress(t *testing.T) {
	data := noise(300_000)
	cuts := make([]int, 20)
	for i := range cuts {
		cuts[i] = 12_000
	}
	src, n := flaky(t, data, cuts...)
	path := filepath.Join(t.TempDir(), "f")
	must(t, files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 300_000, SHA256: sum(data), Pause: time.Millisecond, Window: 10 * time.Second}))
	has(t, path, data)
	if n.Load() != 21 {
		t.Errorf("%d requests", n.Load())
	}
}

// Without a floor under the rate the number of attempts is bounded all the same.
func TestDownloadWithoutFloorEnds(t *testing.T) {
	src, n := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	o := files.DownloadOptions{Path: filepath.Join(t.TempDir(), "f"), Size: 1000, SHA256: sum(nil), MinRate: -1, Pause: time.Millisecond}
	if err := files.Download(t.Context(), src, "a", o); err == nil || n.Load() != 4 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
}

func TestDownloadOfLies(t *testing.T) {
	data := noise(1000)
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		is    func(error) bool
	}{
		"shorter": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data[:999]) }, is[*files.SizeError]},
		"longer":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(append(data, 1)) }, is[*files.TooLargeError]},
		"other":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(noise(1001)[:1000]) }, is[*files.DigestError]},
		"longer without a length": {func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(append(data, 1))
		}, is[*files.TooLargeError]},
		"shorter without a length": {func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(data[:999])
		}, is[*files.SizeError]},
	} {
		src, _ := answers(t, test.serve)
		path := filepath.Join(t.TempDir(), "f")
		err := files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 1000, SHA256: sum(data), Pause: time.Millisecond})
		if !test.is(err) {
			t.Errorf("%s: %v", name, err)
		}
		only(t, filepath.Dir(path))
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// The partial file of a download is bound to what it is for, and to nothing that
// happened to it since.
func TestDownloadPartialOfAnother(t *testing.T) {
	data := noise(1000)
	binding := func(sum string) string { return fmt.Sprintf(`{"sha256":%q,"source":"x","tag":"\"v\""}`, sum) }
	for name, left := range map[string]struct {
		partial  []byte
		binding  string
		requests int64
		ranges   bool
	}{
		"right":            {data[:600], binding(sum(data)), 1, true},
		"complete":         {data, binding(sum(data)), 0, false},
		"of another file":  {noise(1001)[:600], binding(sum(nil)), 1, false},
		"without binding":  {data[:600], "", 1, false},
		"broken binding":   {data[:600], "{", 1, false},
		"damaged":          {noise(1001)[:600], binding(sum(data)), 2, true},
		"damaged complete": {noise(1001)[:1000], binding(sum(data)), 1, false},
		"too long":         {noise(2000), binding(sum(data)), 1, false},
		"empty":            {nil, binding(sum(data)), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			ranged := false
			src, n := answers(t, func(w http.ResponseWriter, r *http.Request) {
				ranged = ranged || r.Header.Get("Range") != ""
				w.Header().Set("ETag", `"v"`)
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			})
			path := filepath.Join(t.TempDir(), "f")
			must(t, os.WriteFile(path+".partial", left.partial, 0o600))
			if left.binding != "" {
				must(t, os.WriteFile(path+".partial.json", []byte(left.binding), 0o600))
			}
			must(t, files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 1000, SHA256: sum(data)}))
			has(t, path, data)
			only(t, filepath.Dir(path), "f")
			if n.Load() != left.requests || ranged != left.ranges {
				t.Errorf("%d requests, with a range: %v", n.Load(), ranged)
			}
		})
	}
}

func TestDownloadReplacesDamagedFile(t *testing.T) {
	data := noise(1000)
	src, n := flaky(t, data)
	path := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(path, []byte("damaged"), 0o600))
	o := files.DownloadOptions{Path: path, Size: 1000, SHA256: sum(data)}
	must(t, files.Download(t.Context(), src, "a", o))
	must(t, files.Download(t.Context(), src, "a", o))
	has(t, path, data)
	if n.Load() != 1 {
		t.Errorf("%d requests", n.Load())
	}
}

func TestDownloadFollowsNoLink(t *testing.T) {
	data := noise(1000)
	src, _ := flaky(t, data)
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, []byte("mine"), 0o600))
	if err := os.Symlink(victim, filepath.Join(dir, "f.partial")); err != nil {
		t.Skip(err) // Windows wants a right for it
	}
	if err := files.Download(t.Context(), src, "a", files.DownloadOptions{Path: filepath.Join(dir, "f"), Size: 1000, SHA256: sum(data)}); err == nil {
		t.Error("a link was followed")
	}
	has(t, victim, []byte("mine"))
}

func TestDownloadOptionsAreChecked(t *testing.T) {
	src := directory(t, t.TempDir())
	path := filepath.Join(t.TempDir(), "f")
	for name, o := range map[string]files.DownloadOptions{
		"no path":  {Size: 1},
		"no bound": {Path: path},
		"no SHA":   {Path: path, Size: 1, SHA256: "ABC"},
	} {
		if err := files.Download(t.Context(), src, "a", o); err == nil || errors.Is(err, files.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 1}); !errors.Is(err, files.ErrNotExist) {
		t.Errorf("%v", err)
	}
	only(t, filepath.Dir(path))
}

// A source that says nothing of ranges and tags but changes its file in between.
func TestDownloadOfFileThatChanges(t *testing.T) {
	dir := directory(t, t.TempDir())
	first, second := noise(50_000), noise(50_001)[:50_000]
	must(t, dir.Put(t.Context(), "a", bytes.NewReader(first)))
	opened := 0
	src := &interposed{Source: dir, wrap: func(r io.Reader) io.Reader {
		if opened++; opened > 1 {
			return r
		}
		must(t, dir.Put(t.Context(), "a", bytes.NewReader(second)))
		return io.MultiReader(io.LimitReader(r, 20_000), failing{errors.New("broken")})
	}}
	path := filepath.Join(t.TempDir(), "f")
	must(t, files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 50_000, Pause: time.Millisecond}))
	has(t, path, second)
}

func TestDownloadCancelled(t *testing.T) {
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(make([]byte, 10))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := contextWithCause(t)
	time.AfterFunc(50*time.Millisecond, func() { cancel(errStopped) })
	err := files.Download(ctx, src, "a", files.DownloadOptions{Path: filepath.Join(t.TempDir(), "f"), Size: 1000, SHA256: sum(nil)})
	if !errors.Is(err, errStopped) {
		t.Error(err)
	}
}
