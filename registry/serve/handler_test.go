// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var hashed = "targets/acme/" + strings.Repeat("0a", 32) + ".x.tar.zst"

// registry is a directory with files, and with what must not be served.
func registry(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "registry")
	for name, data := range map[string]string{
		"metadata/timestamp.json": "{}", "metadata/1.root.json": "{}", hashed: "0123456789", "log/checkpoint": "note",
		"log/tile/8/0/000": "tile", "log/lookup/acme/x/1.0.0": "0\n",
		".lock": "", "metadata/.new-X": "half", "keys/root.key": "secret", "root.key": "secret", "../outside": "secret",
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(data), 0o644))
	}
	for link, to := range map[string]string{"metadata/link.json": "outside", "targets/up": ""} {
		err := os.Symlink(filepath.Join(dir, "..", to), filepath.Join(dir, filepath.FromSlash(link)))
		if err != nil && runtime.GOOS != "windows" { // which wants a right for it
			t.Fatal(err)
		}
	}
	return dir
}

func handle(t *testing.T, dir string, o Options) http.Handler {
	t.Helper()
	h, err := Handler(dir, o)
	must(t, err)
	return h
}

func request(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerServesOnlyTheRegistry(t *testing.T) {
	h := handle(t, registry(t), Options{})
	for target, status := range map[string]int{
		"/metadata/timestamp.json":         200,
		"/" + hashed:                       200,
		"/log/lookup/acme/x/1.0.0":         200,
		"/":                                404,
		"/metadata":                        404,
		"/metadata/":                       404,
		"/metadata/none.json":              404,
		"/metadata/.new-X":                 404,
		"/.lock":                           404,
		"/keys/root.key":                   404,
		"/root.key":                        404,
		"/metadata/../root.key":            404,
		"/metadata/%2e%2e/root.key":        404,
		"/metadata%2ftimestamp.json":       404,
		"/metadata/..%2f..%2foutside":      404,
		"/metadata//timestamp.json":        404,
		"//metadata/timestamp.json":        404,
		"/metadata/link.json":              404,
		"/targets/up/outside":              404,
		"/targets/acme":                    404,
		"/metadata/timestamp.json%00":      404,
		"/metadata/timestamp.json/":        404,
		"/metadata/timestamp.json/x":       404,
		`/metadata\timestamp.json`:         404,
		"/metadata/" + longName:            404,
		"/metadata/timestamp.json?x=1&y=2": 200,
	} {
		w := request(h, "GET", "http://r"+target)
		if w.Code != status || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("GET %.60s: %d %q, want %d", target, w.Code, w.Body, status)
		}
	}
}

var longName = strings.Repeat("a", 5000)

func TestHandlerHeaders(t *testing.T) {
	h := handle(t, registry(t), Options{})
	const year = "public, max-age=31536000, immutable"
	for name, want := range map[string][3]string{
		hashed:                    {`"` + strings.Repeat("0a", 32) + `"`, year, "application/zstd"},
		"metadata/1.root.json":    {`W/`, year, "application/json"},
		"metadata/timestamp.json": {`W/`, "no-cache", "application/json"},
		"log/checkpoint":          {`W/`, "no-cache", "text/plain; charset=utf-8"},
		"log/tile/8/0/000":        {`W/`, year, "application/octet-stream"},
	} {
		w := request(h, "GET", "/"+name)
		got := w.Header()
		if !strings.HasPrefix(got.Get("ETag"), want[0]) || got.Get("Cache-Control") != want[1] || got.Get("Content-Type") != want[2] ||
			got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%s: %v", name, got)
		}
		again := request(h, "GET", "/"+name, "If-None-Match", got.Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s with its own tag: %d", name, again.Code)
		}
		head := request(h, "HEAD", "/"+name)
		if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
			t.Errorf("HEAD %s: %d, %v", name, head.Code, head.Header())
		}
	}
}

func TestHandlerTagChangesWithContent(t *testing.T) {
	dir := registry(t)
	h := handle(t, dir, Options{})
	before := request(h, "GET", "/metadata/timestamp.json").Header().Get("ETag")
	must(t, os.WriteFile(filepath.Join(dir, "metadata", "timestamp.json"), []byte(`{"v":2}`), 0o644))
	w := request(h, "GET", "/metadata/timestamp.json", "If-None-Match", before)
	if w.Code != 200 || w.Body.String() != `{"v":2}` {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestHandlerRanges(t *testing.T) {
	h := handle(t, registry(t), Options{})
	strong := `"` + strings.Repeat("0a", 32) + `"`
	for _, test := range []struct {
		name, span, since string
		status            int
		body              string
	}{
		{hashed, "bytes=4-", "", 206, "456789"},
		{hashed, "bytes=4-", strong, 206, "456789"},
		{hashed, "bytes=4-", `"other"`, 200, "0123456789"},
		{hashed, "bytes=2-3", "", 206, "23"},
		{hashed, "bytes=0-1,4-5", "", 200, "0123456789"},
		{hashed, "bytes=10-", "", 416, ""},
		{hashed, "pages=1-", "", 416, ""},
		{"log/checkpoint", "bytes=2-", "weak", 200, "note"},
	} {
		header := []string{"Range", test.span}
		if test.since == "weak" {
			test.since = request(h, "GET", "/"+test.name).Header().Get("ETag")
		}
		if test.since != "" {
			header = append(header, "If-Range", test.since)
		}
		w := request(h, "GET", "/"+test.name, header...)
		if w.Code != test.status || test.status != 416 && w.Body.String() != test.body {
			t.Errorf("%s of %s if %s: %d %q", test.span, test.name, test.since, w.Code, w.Body)
		}
	}
}

func TestHandlerMethods(t *testing.T) {
	h := handle(t, registry(t), Options{})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
		w := request(h, method, "/metadata/timestamp.json")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	r := httptest.NewRequest("GET", "/metadata/timestamp.json", strings.NewReader("body"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("GET with a body: %d", w.Code)
	}
}

func TestHandlerHealth(t *testing.T) {
	dir := registry(t)
	h := handle(t, dir, Options{})
	if w := request(h, "GET", "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	must(t, os.Remove(filepath.Join(dir, "metadata", "timestamp.json")))
	if w := request(h, "GET", "/healthz"); w.Code != 503 {
		t.Errorf("without a timestamp: %d", w.Code)
	}
}

func TestHandlerLog(t *testing.T) {
	var got Access
	h := handle(t, registry(t), Options{Log: func(a Access) { got = a }})
	request(h, "GET", "/"+hashed, "Range", "bytes=4-")
	if got.Client != "192.0.2.1" || got.Method != "GET" || got.Path != "/"+hashed || got.Status != 206 || got.Bytes != 6 ||
		got.Range != "bytes=4-" || got.Time.IsZero() || got.Duration <= 0 {
		t.Errorf("%+v", got)
	}
	request(h, "GET", "/"+longName)
	if got.Status != 404 || len(got.Path) != 1024 {
		t.Errorf("%+v", got)
	}
}

func TestHandlerRate(t *testing.T) {
	h := handle(t, registry(t), Options{Rate: 0.5, Burst: 3})
	from := func(address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/log/checkpoint", nil)
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for i := range 5 {
		w := from("[2001:db8::" + fmt.Sprint(i+1) + "]:9")
		if want := 200; i >= 3 && (w.Code != 429 || w.Header().Get("Retry-After") != "2") || i < 3 && w.Code != want {
			t.Errorf("request %d: %d, %v", i, w.Code, w.Header())
		}
	}
	for _, address := range []string{"[2001:db8:0:1::1]:9", "192.0.2.7:1", "[::ffff:192.0.2.7]:2"} {
		if w := from(address); w.Code != 200 {
			t.Errorf("%s: %d", address, w.Code)
		}
	}
}

func TestHandlerTogether(t *testing.T) {
	o := Options{Together: 2}.withDefaults()
	l := newLimits(o)
	now := time.Now()
	first, _ := l.enter("192.0.2.1", now)
	second, _ := l.enter("192.0.2.1", now)
	if third, wait := l.enter("192.0.2.1", now); third != nil || wait <= 0 || first == nil || second == nil {
		t.Error("a third request at once is admitted")
	}
	first()
	if again, _ := l.enter("192.0.2.1", now); again == nil {
		t.Error("no request is admitted after one ended")
	}
}

func TestLimitsAreBounded(t *testing.T) {
	l := newLimits(Options{Burst: 1}.withDefaults())
	now := time.Now()
	for i := range maxClients + 100 {
		done, _ := l.enter(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
		done()
	}
	if len(l.clients) != maxClients || l.recent.Len() != maxClients {
		t.Errorf("%d clients are remembered", len(l.clients))
	}
	if done, _ := l.enter("10.0.0.0", now); done == nil {
		t.Error("the oldest is remembered")
	}
	if done, _ := l.enter("10.0.32.99", now); done != nil {
		t.Error("the latest is forgotten")
	}
}

func TestHandlerNoDirectory(t *testing.T) {
	if _, err := Handler(filepath.Join(t.TempDir(), "none"), Options{}); err == nil {
		t.Error("a directory that is not there is served")
	}
}

func TestHandlerServesWholeFilesWhileReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be replaced there")
	}
	dir := registry(t)
	h := handle(t, dir, Options{Rate: -1})
	name := filepath.Join(dir, "metadata", "timestamp.json")
	var readers sync.WaitGroup
	defer readers.Wait()
	contents := []string{strings.Repeat("a", 200_000), strings.Repeat("b", 100_000)}
	must(t, os.WriteFile(name, []byte(contents[0]), 0o644))
	for range 3 {
		readers.Go(func() {
			for range 30 {
				w := request(h, "GET", "/metadata/timestamp.json")
				got, _ := io.ReadAll(w.Body)
				if !bytes.Equal(got, []byte(contents[0])) && !bytes.Equal(got, []byte(contents[1])) {
					t.Errorf("%d bytes of a mixed file", len(got))
				}
			}
		})
	}
	for i := range 20 {
		must(t, os.WriteFile(name+".x", []byte(contents[i%2]), 0o644))
		must(t, os.Rename(name+".x", name))
	}
}

func FuzzHandlerPath(f *testing.F) {
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "metadata"), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root.key"), []byte("secret"), 0o600); err != nil {
		f.Fatal(err)
	}
	h, err := Handler(dir, Options{Rate: -1})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"/root.key", "/metadata/../root.key", "//root.key", "/metadata/..%2froot.key", "/.lock"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == 200 || strings.Contains(w.Body.String(), "secret") {
			t.Fatalf("%q: %d %q", path, w.Code, w.Body)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
