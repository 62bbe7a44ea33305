// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

var errStopped = errors.New("the test stopped it")

func contextWithCause(t *testing.T) (context.Context, context.CancelCauseFunc) {
	return context.WithCancelCause(t.Context())
}

func isStopped(err error) bool {
	return errors.Is(err, errStopped) || errors.Is(err, context.Canceled)
}

func directory(t *testing.T, path string) files.Store {
	t.Helper()
	s, err := files.OpenStore(path, files.Options{})
	must(t, err)
	return s
}

// web opens a source that does not make tests wait.
func web(t *testing.T, url string) files.Source {
	t.Helper()
	s, err := files.OpenSource(url, files.Options{Pause: time.Millisecond})
	must(t, err)
	return s
}

// interposed is a source that counts what is opened and can change what is read.
type interposed struct {
	files.Source
	opened atomic.Int64
	wrap   func(io.Reader) io.Reader
}

func (s *interposed) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	s.opened.Add(1)
	r, info, err := s.Source.Open(ctx, name, offset)
	if err == nil && s.wrap != nil {
		r = struct {
			io.Reader
			io.Closer
		}{s.wrap(r), r}
	}
	return r, info, err
}

// failing is a reader that only has an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, %v; want other %d", path, len(got), err, len(want))
	}
}

// only fails when a directory has another file than these.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(names) {
		t.Errorf("%s has %q, want %q", dir, got, names)
	}
}
