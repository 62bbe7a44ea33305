// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFetchMistrustsItsFiles spoils what an earlier download left.
func TestFetchMistrustsItsFiles(t *testing.T) {
	for name, spoil := range map[string]func(f *fetch) error{
		"marks are no JSON":  func(f *fetch) error { return os.WriteFile(f.name("data.json"), []byte("{"), 0o600) },
		"marks are gone":     func(f *fetch) error { return os.Remove(f.name("data.json")) },
		"file is cut":        func(f *fetch) error { return os.Truncate(f.name("data"), 2) },
		"file is gone":       func(f *fetch) error { return os.Remove(f.name("data")) },
		"part without marks": func(f *fetch) error { return os.WriteFile(f.name("part"), []byte("zzz"), 0o600) },
		"part is too long": func(f *fetch) error {
			return errors.Join(os.Remove(f.name("data")), os.WriteFile(f.name("part"), []byte("longer than the file"), 0o600), f.save("part", marks{ETag: `"v1"`, Total: 5}))
		},
		"part of another version": func(f *fetch) error {
			return errors.Join(os.Remove(f.name("data")), os.WriteFile(f.name("part"), []byte("XX"), 0o600), f.save("part", marks{ETag: `"v0"`, Total: 5}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{body: "12345", etag: `"v1"`}
			address, d := start(t, s), allowed(t)
			if _, err := Fetch(context.Background(), address, d); err != nil {
				t.Fatal(err)
			}
			f, err := newFetch(address, d)
			if err != nil {
				t.Fatal(err)
			}
			if err := spoil(f); err != nil {
				t.Fatal(err)
			}
			path, err := Fetch(context.Background(), address, d)
			if err != nil || content(t, path) != "12345" {
				t.Errorf("%q, %v", content(t, path), err)
			}
		})
	}
}

// TestServersThatMisbehave answer a request for a part in wrong ways: the whole
// file comes in the end.
func TestServersThatMisbehave(t *testing.T) {
	const body = "0123456789"
	for name, answer := range map[string]func(w http.ResponseWriter){
		"another part": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 0-9/10")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte(body)) // the client may be gone
		},
		"a part of another version": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 4-9/10")
			w.Header().Set("ETag", `"other"`)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte("ABCDEF")) // the client may be gone
		},
		"no such part": func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
		"no range":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusPartialContent) },
		"busy":         func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			address := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					if asked++; asked == 1 {
						answer(w)
						return
					}
				}
				w.Header().Set("ETag", `"v1"`)
				http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
			}))
			d := allowed(t)
			f, err := newFetch(address, d)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.WriteFile(f.name("part"), []byte("0123"), 0o600), f.save("part", marks{ETag: `"v1"`, Total: 10})); err != nil {
				t.Fatal(err)
			}
			path, err := Fetch(context.Background(), address, d)
			if err != nil || content(t, path) != body || asked == 0 {
				t.Errorf("%q, %v", content(t, path), err)
			}
		})
	}
}

// TestLaterProcessResumes takes up what a cancelled download left.
func TestLaterProcessResumes(t *testing.T) {
	body := strings.Repeat("x", 300000)
	s := &server{body: body, etag: `"v1"`, breakAt: 200000}
	address, d := start(t, s), allowed(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	d.pause = func(int) time.Duration { cancel(cause); return time.Hour }
	if _, err := Fetch(ctx, address, d); !errors.Is(err, cause) {
		t.Fatalf("error %v", err)
	}
	path, err := Fetch(context.Background(), address, d)
	if err != nil || content(t, path) != body {
		t.Fatalf("%v", err)
	}
	if got := s.last().Header.Get("Range"); !strings.HasPrefix(got, "bytes=") || got == "bytes=0-" {
		t.Errorf("the later one asked for %q", got)
	}
}

func TestFetchNeedsItsDirectory(t *testing.T) {
	s := &server{body: "x"}
	d := allowed(t)
	file := filepath.Join(d.Dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	address := start(t, s)
	for says, dir := range map[string]string{"named no directory": "", "Make room": filepath.Join(file, "below")} {
		d.Dir = dir
		if _, err := Fetch(context.Background(), address, d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
	if got := fmt.Sprint(backOff(1), backOff(4)); got != "500ms 4s" {
		t.Errorf("pauses of %s", got)
	}
}
