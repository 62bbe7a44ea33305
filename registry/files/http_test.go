// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// answers serves a function and counts the requests.
func answers(t *testing.T, f http.HandlerFunc) (files.Source, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		f(w, r)
	}))
	t.Cleanup(server.Close)
	return web(t, server.URL), &n
}

func TestHTTPStatus(t *testing.T) {
	for status, want := range map[int]struct {
		requests int64
		text     string
	}{
		400: {1, "check the address"},
		401: {1, "check the credentials"},
		403: {1, "check the credentials"},
		404: {1, "mirror is complete"},
		408: {4, "try again later"},
		410: {1, "mirror is complete"},
		429: {4, "try again later"},
		500: {4, "try again later"},
		501: {1, "check the address"},
		503: {4, "try again later"},
		304: {1, "redirect"},
	} {
		src, n := answers(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := files.ReadAll(t.Context(), src, "metadata/root.json", 100)
		var got *files.StatusError
		if !errors.As(err, &got) || got.Status != status || !strings.Contains(err.Error(), want.text) || n.Load() != want.requests {
			t.Errorf("%d: %v after %d requests", status, err, n.Load())
		}
		if errors.Is(err, files.ErrNotExist) != (status == 404 || status == 410) {
			t.Errorf("%d: not-exist is wrong of %v", status, err)
		}
	}
}

func TestHTTPRetryAfter(t *testing.T) {
	var first time.Time
	src, n := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		if first.IsZero() {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if time.Since(first) < time.Second {
			t.Error("the second request came too early")
		}
		_, _ = w.Write([]byte("ok"))
	})
	if data, err := files.ReadAll(t.Context(), src, "a", 10); err != nil || string(data) != "ok" || n.Load() != 2 {
		t.Errorf("%q, %v, %d requests", data, err, n.Load())
	}
	src, n = answers(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var status *files.StatusError
	_, err := files.ReadAll(t.Context(), src, "a", 10)
	if !errors.As(err, &status) || status.After != time.Hour || n.Load() != 1 || !strings.Contains(err.Error(), "1h0m0s") {
		t.Errorf("an hour is waited for, or not told: %v, %d requests", err, n.Load())
	}
}

// A server that refuses and then stalls must not hold the client.
func TestHTTPStalledRefusal(t *testing.T) {
	src, n := answers(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	var status *files.StatusError
	begin := time.Now()
	if _, err := files.ReadAll(t.Context(), src, "a", 10); !errors.As(err, &status) || n.Load() != 4 || time.Since(begin) > time.Minute {
		t.Errorf("%v after %s and %d requests", err, time.Since(begin), n.Load())
	}
}

func TestHTTPCancelEndsWaiting(t *testing.T) {
	begun := make(chan bool, 1)
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		w.Header().Set("Retry-After", "50")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	ctx, cancel := contextWithCause(t)
	go func() { <-begun; cancel(errStopped) }()
	start := time.Now()
	if _, err := files.ReadAll(ctx, src, "a", 10); err == nil || time.Since(start) > 40*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

func TestHTTPRedirects(t *testing.T) {
	for location, want := range map[string]string{
		"file:///etc/passwd":                "not followed",
		"http://example.org/x?token=secret": "not followed",
		"ftp://localhost/x":                 "not followed",
		"http://user:secret@localhost/x":    "not followed",
		"https:///x":                        "not followed",
		"":                                  "to nowhere",
		"http://[::1":                       "to nowhere",
		"/loop":                             "more than 5",
	} {
		src, _ := answers(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		_, err := files.ReadAll(t.Context(), src, "a", 10)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("to %q: %v", location, err)
		}
	}
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b/a?signature=1", http.StatusTemporaryRedirect)
			return
		}
		_, _ = w.Write([]byte(r.URL.RequestURI()))
	})
	if data, err := files.ReadAll(t.Context(), src, "a", 100); err != nil || string(data) != "/b/a?signature=1" {
		t.Errorf("a redirect that is right: %q, %v", data, err)
	}
}

// secure serves over TLS and gives the options that trust it.
func secure(t *testing.T, f http.HandlerFunc) (*httptest.Server, files.Options) {
	t.Helper()
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return server, files.Options{CAFile: ca, Pause: time.Millisecond}
}

func TestHTTPSCredentialsAndDowngrade(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect led from https to http") }))
	defer plain.Close()
	var elsewhere atomic.Value
	other, _ := secure(t, func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Store(r.Header.Get("Authorization"))
		_, _ = w.Write([]byte("there"))
	})
	server, o := secure(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			http.Redirect(w, r, plain.URL+"/x", http.StatusFound)
		case "/other":
			http.Redirect(w, r, other.URL+"/x", http.StatusFound)
		default:
			_, _ = fmt.Fprintf(w, "%s %s %s", r.Proto, r.Header.Get("Authorization"), r.UserAgent())
		}
	})
	o.Token, o.Agent = "hunter2", "test/1"
	src, err := files.OpenSource(server.URL, o)
	must(t, err)
	if data, err := files.ReadAll(t.Context(), src, "a", 100); err != nil || string(data) != "HTTP/2.0 Bearer hunter2 test/1" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := files.ReadAll(t.Context(), src, "down", 100); err == nil || !strings.Contains(err.Error(), "not followed") {
		t.Errorf("https to http: %v", err)
	}
	// The certificate of the other server is of the same test authority.
	if data, err := files.ReadAll(t.Context(), src, "other", 100); err != nil || string(data) != "there" || elsewhere.Load() != "" {
		t.Errorf("https to another host: %q, %v, credentials %q", data, err, elsewhere.Load())
	}
	o = files.Options{CAFile: o.CAFile, User: "me", Password: "hunter2"}
	src, err = files.OpenSource(server.URL, o)
	must(t, err)
	if data, err := files.ReadAll(t.Context(), src, "a", 100); err != nil || !strings.Contains(string(data), "Basic bWU6aHVudGVyMg==") {
		t.Errorf("%q, %v", data, err)
	}
}

func TestHTTPSCertificates(t *testing.T) {
	var n atomic.Int64
	server, _ := secure(t, func(http.ResponseWriter, *http.Request) { n.Add(1) })
	src := web(t, server.URL)
	if _, err := files.ReadAll(t.Context(), src, "a", 10); err == nil || !strings.Contains(err.Error(), "CA file") || n.Load() != 0 {
		t.Errorf("an unknown certificate: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(empty, []byte("nothing"), 0o600))
	for _, name := range []string{empty, empty + "x"} {
		if _, err := files.OpenSource(server.URL, files.Options{CAFile: name}); err == nil {
			t.Errorf("the CA file %s is accepted", name)
		}
	}
}

func TestHTTPNoAnswer(t *testing.T) {
	server := httptest.NewServer(nil)
	url := server.URL
	server.Close()
	_, err := files.ReadAll(t.Context(), web(t, url), "a", 10)
	if err == nil || !strings.Contains(err.Error(), "no answer") || !strings.Contains(err.Error(), "check the network") {
		t.Errorf("%v", err)
	}
}

func TestHTTPEndlessData(t *testing.T) {
	var sent atomic.Int64
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 32<<10)
		for {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	var large *files.TooLargeError
	if _, err := files.ReadAll(t.Context(), src, "metadata/timestamp.json", 100_000); !errors.As(err, &large) {
		t.Errorf("ReadAll: %v", err)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 100_000, SHA256: sum(nil)}); !errors.As(err, &large) {
		t.Errorf("Download: %v", err)
	}
	only(t, filepath.Dir(path))
	if sent.Load() > 64<<20 {
		t.Errorf("%d bytes were taken", sent.Load())
	}
}

func TestHTTPEncodedIsRefused(t *testing.T) {
	src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("Accept-Encoding: %q", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("x"))
	})
	if _, err := files.ReadAll(t.Context(), src, "a", 100); err == nil || !strings.Contains(err.Error(), "gzip") {
		t.Errorf("%v", err)
	}
}

// Each of these answers to a request for a range is a lie or of no use; the whole
// file comes all the same.
func TestHTTPRangesThatAreNot(t *testing.T) {
	data := noise(1000)
	for name, lie := range map[string]func(w http.ResponseWriter){
		"none":         func(w http.ResponseWriter) { w.WriteHeader(206) },
		"begins early": func(w http.ResponseWriter) { w.Header().Set("Content-Range", "bytes 0-999/1000"); w.WriteHeader(206) },
		"ends early":   func(w http.ResponseWriter) { w.Header().Set("Content-Range", "bytes 600-700/1000"); w.WriteHeader(206) },
		"short body": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 600-999/1000")
			w.Header().Set("Content-Length", "3")
			w.WriteHeader(206)
			_, _ = w.Write([]byte("lie"))
		},
		"unsatisfied": func(w http.ResponseWriter) { w.Header().Set("Content-Range", "bytes */300"); w.WriteHeader(416) },
		"multipart": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "multipart/byteranges")
			w.WriteHeader(206)
		},
		"garbage": func(w http.ResponseWriter) { w.Header().Set("Content-Range", "pages 1-2/3"); w.WriteHeader(206) },
	} {
		src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				lie(w)
				return
			}
			_, _ = w.Write(data)
		})
		body, info, err := src.Open(t.Context(), "a", 600)
		if err != nil || info.Offset != 0 || info.Size != 1000 {
			t.Errorf("%s: %+v, %v", name, info, err)
			continue
		}
		must(t, body.Close())
	}
}

func TestHTTPIfRange(t *testing.T) {
	contents := [][]byte{noise(200_000), noise(200_001)[:200_000]}
	for _, test := range []struct {
		name    string
		change  bool // the file changes after the first break
		weak    bool
		heedful bool // the server knows If-Range
	}{
		{"same", false, false, true},
		{"changed", true, false, true},
		{"changed, If-Range not heeded", true, false, false},
		{"changed, weak tag", true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n int
			var asked string
			src, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
				n++
				version := 0
				if test.change && n > 1 {
					version = 1
				}
				tag := fmt.Sprintf(`"v%d"`, version)
				if test.weak {
					tag = "W/" + tag
				}
				w.Header().Set("ETag", tag)
				asked = r.Header.Get("If-Range")
				if !test.heedful {
					r.Header.Del("If-Range")
				}
				if n == 1 {
					w.Header().Set("Content-Length", "200000")
					_, _ = w.Write(contents[0][:150_000])
					panic(http.ErrAbortHandler)
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(contents[version]))
			})
			path := filepath.Join(t.TempDir(), "f")
			// Without a digest nothing but the tag tells that the file changed.
			must(t, files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 200_000, Pause: time.Millisecond}))
			want := contents[0]
			if test.change {
				want = contents[1]
			}
			has(t, path, want)
			if test.heedful && !test.weak && (n != 2 || asked != `"v0"`) {
				t.Errorf("%d requests, the last if the file is still %s", n, asked)
			}
		})
	}
}

func TestHTTPSlow(t *testing.T) {
	src, n := answers(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	var path string
	var slow *files.SlowError
	// A process that gets no processor for all of a window has read nothing in it.
	for window := 200 * time.Millisecond; window < time.Minute && (slow == nil || slow.Bytes == 0); window *= 2 {
		path = filepath.Join(t.TempDir(), "f")
		n.Store(0)
		err := files.Download(t.Context(), src, "a", files.DownloadOptions{Path: path, Size: 100_000, SHA256: sum(nil), Window: window})
		if !errors.As(err, &slow) || slow.MinRate != files.DefaultMinRate || n.Load() != 1 {
			t.Fatalf("%v after %d requests", err, n.Load())
		}
	}
	if slow.Bytes == 0 {
		t.Error("it is not told what came")
	}
	if info, err := os.Stat(path + ".partial"); err != nil || info.Size() == 0 {
		t.Errorf("what came is not kept: %v", err)
	}
}

func TestHTTPStalledHeaders(t *testing.T) {
	src, _ := answers(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := files.ReadAll(ctx, src, "a", 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
