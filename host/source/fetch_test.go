// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server serves one file and notes the requests.
type server struct {
	mu       sync.Mutex
	body     string
	etag     string
	breakAt  int // bytes after which a body breaks off, 0 for none
	requests []*http.Request
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	if s.breakAt == 0 {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(s.body))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(s.body)))
	_, _ = w.Write([]byte(s.body[:s.breakAt])) // the client may be gone
	s.breakAt = 0
	panic(http.ErrAbortHandler)
}

func (s *server) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func allowed(t *testing.T) Download {
	return Download{AllowNetwork: true, Dir: t.TempDir(), pause: func(int) time.Duration { return time.Millisecond }}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFetchAndRead(t *testing.T) {
	s := &server{body: "a,b\n1,2\n3,4\n", etag: `"v1"`}
	address, d := start(t, s), allowed(t)
	var stages []string
	ctx := WithProgress(context.Background(), func(p Progress) { stages = append(stages, p.Stage) })
	tab, err := Open(ctx, Spec{URL: address + "/x.csv?token=secret", Download: d}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rows(t, tab)); got != "[[1 2] [3 4]]" || stages[0] != StageDownload {
		t.Errorf("rows %s, stages %q", got, stages)
	}
	if !strings.HasPrefix(tab.Path(), d.Dir) || strings.Contains(tab.Path(), "secret") {
		t.Errorf("it is at %s", tab.Path())
	}
}

func TestFetchAgain(t *testing.T) {
	s := &server{body: "one", etag: `"v1"`}
	address, d := start(t, s), allowed(t)
	for _, want := range []string{"one", "one", "two!"} {
		if want == "two!" {
			s.body, s.etag = want, `"v2"`
		}
		path, err := Fetch(context.Background(), address, d)
		if err != nil || content(t, path) != want {
			t.Fatalf("%q, %v", content(t, path), err)
		}
	}
	if got := s.last().Header.Get("If-None-Match"); got != `"v1"` || len(s.requests) != 3 {
		t.Errorf("%d requests, the last one asks for a change of %s", len(s.requests), got)
	}
}

func TestFetchResumes(t *testing.T) {
	body := strings.Repeat("0123456789", 100000)
	for name, c := range map[string]struct {
		etag, then string
		ranged     bool
	}{
		"same version":  {`"v1"`, `"v1"`, true},
		"other version": {`"v1"`, `"v2"`, true},
		"weak mark":     {`W/"v1"`, `W/"v1"`, false},
		"no mark":       {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{body: strings.ToUpper(body), etag: c.etag, breakAt: 500000}
			address, d := start(t, s), allowed(t)
			d.pause = func(int) time.Duration {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.etag = c.then
				if c.etag != c.then {
					s.body = "another"
				}
				return 0
			}
			path, err := Fetch(context.Background(), address, d)
			if err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != s.body {
				t.Errorf("%d bytes of %d came", len(got), len(s.body))
			}
			if got := s.last().Header.Get("Range") != ""; got != c.ranged || len(s.requests) != 2 {
				t.Errorf("%d requests, ranged %v", len(s.requests), got)
			}
			left, err := filepath.Glob(filepath.Join(d.Dir, "*"))
			if err != nil || len(left) != 3 {
				t.Errorf("left over: %q, %v", left, err)
			}
		})
	}
}

func TestFetchRefuses(t *testing.T) {
	s := &server{body: "0123456789"}
	address := start(t, s)
	loop := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }))
	away := start(t, http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	status := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[string]int{"/gone": 404, "/secret": 401, "/down": 503}[r.URL.Path])
	}))
	endless := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			_, _ = w.Write(make([]byte, 1<<10)) // until the client is gone
		}
	}))
	plain := start(t, s)
	down := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	t.Cleanup(down.Close)
	foreign := httptest.NewTLSServer(s)
	t.Cleanup(foreign.Close)
	for name, c := range map[string]struct {
		url, says string
		change    func(*Download)
	}{
		"no consent":      {address, "allow_network", func(d *Download) { d.AllowNetwork = false }},
		"no address":      {"ftp://x/y", "http://", nil},
		"no host":         {"https:///y", "names a host", nil},
		"told too large":  {address, "10 bytes or more, and at most 9", func(d *Download) { d.MaxBytes = 9 }},
		"is too large":    {endless, "too large", func(d *Download) { d.MaxBytes = 5000 }},
		"redirects":       {loop, "more than 5 redirects", nil},
		"gone":            {status + "/gone", "404", nil},
		"credentials":     {status + "/secret", "fetch the file yourself", nil},
		"down":            {status + "/down", "5 times in a row", nil},
		"downgrade":       {down.URL, "from https to http", func(d *Download) { d.Transport = down.Client().Transport }},
		"certificate":     {foreign.URL + "/?key=geheim", "cannot be trusted", nil},
		"other scheme":    {away, "Redirect to no web server", nil},
		"nobody listens":  {"http://127.0.0.1:1/", "broke off", nil},
		"secret is quiet": {"http://u:geheim@127.0.0.1:1/?key=geheim", "u:xxxxx@", nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := allowed(t)
			if c.change != nil {
				c.change(&d)
			}
			_, err := Fetch(context.Background(), c.url, d)
			if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Error(), c.says) || strings.Contains(e.Error(), "geheim") {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
	if _, err := Open(context.Background(), Spec{URL: address}, nil); err == nil || !strings.Contains(err.Error(), "consent") {
		t.Errorf("error %v", err)
	}
}

// TestCredentialsStayHome follows redirects within a host and to another one.
func TestCredentialsStayHome(t *testing.T) {
	var seen sync.Map
	other := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store("other", r.Header.Get("Authorization"))
		_, _ = w.Write([]byte("x")) // the client may be gone
	}))
	home := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.URL.Path, r.Header.Get("Authorization"))
		next := map[string]string{"/a": "/b", "/b": other}[r.URL.Path]
		http.Redirect(w, r, next, http.StatusFound)
	}))
	if _, err := Fetch(context.Background(), strings.Replace(home, "://", "://user:pw@", 1)+"/a", allowed(t)); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]bool{"/a": true, "/b": true, "other": false} {
		if got, ok := seen.Load(where); !ok || (got != "") != want {
			t.Errorf("%s got %q", where, got)
		}
	}
}

func TestFetchOverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(&server{body: "x", etag: `"1"`})
	t.Cleanup(srv.Close)
	d := allowed(t)
	d.Transport = srv.Client().Transport
	if path, err := Fetch(context.Background(), srv.URL, d); err != nil || content(t, path) != "x" {
		t.Errorf("%v", err)
	}
}

// TestFetchAtOnce lets many ask for one address, of which one fetches it.
func TestFetchAtOnce(t *testing.T) {
	var bodies atomic.Int32
	address := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		bodies.Add(1)
		time.Sleep(50 * time.Millisecond)
		_, _ = w.Write([]byte("body")) // the client may be gone
	}))
	d := allowed(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if path, err := Fetch(context.Background(), address, d); err != nil || content(t, path) != "body" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if bodies.Load() != 1 {
		t.Errorf("it was fetched %d times", bodies.Load())
	}
}

func TestFetchIsCancelled(t *testing.T) {
	block := make(chan struct{})
	address := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("begin")) // the client may be gone
		w.(http.Flusher).Flush()
		<-block
	}))
	t.Cleanup(func() { close(block) })
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
	if _, err := Fetch(ctx, address, allowed(t)); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}
