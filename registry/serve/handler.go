// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// tops are the directories of a registry.
var tops = []string{"metadata", "targets", "log"}

// handler serves one directory.
type handler struct {
	dir     string
	options Options
	limits  *limits
}

// Handler serves a directory; see the package. The limits are its own.
func Handler(dir string, o Options) (http.Handler, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("serving a registry: %w", err)
	}
	o = o.withDefaults()
	return &handler{abs, o, newLimits(o)}, root.Close()
}

// ServeHTTP answers one request and logs it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	out := &writer{ResponseWriter: w, control: http.NewResponseController(w), stall: h.options.Stall}
	defer func() {
		h.options.Log(Access{
			Time: begin, Client: client, Method: r.Method, Path: cut(r.URL.Path, 1024), Range: cut(r.Header.Get("Range"), 64),
			Status: out.status, Bytes: out.bytes, Duration: time.Since(begin),
		})
	}()
	done, wait := h.limits.enter(client, begin)
	if done == nil {
		out.Header().Set("Retry-After", seconds(wait))
		refuse(out, http.StatusTooManyRequests, "too many requests from your address")
		return
	}
	defer done()
	h.answer(out, r)
}

// answer judges a request and serves what it names.
func (h *handler) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "this server only hands out files")
	case r.ContentLength != 0:
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestEntityTooLarge, "a request has no body here")
	case r.URL.Path == "/healthz":
		h.health(w)
	default:
		h.file(w, r)
	}
}

// health says whether there is a registry to serve.
func (h *handler) health(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	f, _, err := h.open("metadata/timestamp.json")
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the registry has no metadata/timestamp.json")
		return
	}
	_ = f.Close() // it was only looked at
	refuse(w, http.StatusOK, "ok")
}

func (h *handler) file(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if !served(name) || strings.Contains(strings.ToLower(r.URL.RawPath), "%2f") {
		refuse(w, http.StatusNotFound, "no such file")
		return
	}
	f, info, err := h.open(name)
	if err != nil {
		h.failed(w, name, err)
		return
	}
	defer f.Close()
	describe(w.Header(), name, info)
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // several ranges have no use and cost much
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// failed hides from a client all but whether the file is there.
func (h *handler) failed(w http.ResponseWriter, name string, err error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, regular.Err) {
		refuse(w, http.StatusNotFound, "no such file")
		return
	}
	h.options.Problem(fmt.Sprintf("opening %s: %v", name, err))
	if errors.Is(err, fs.ErrPermission) {
		refuse(w, http.StatusForbidden, "the server may not read this file")
		return
	}
	refuse(w, http.StatusNotFound, "no such file")
}

// served reports whether a name may be that of a registry's file.
func served(name string) bool {
	top, _, below := strings.Cut(name, "/")
	return below && slices.Contains(tops, top) && files.CheckName(name) == nil
}

func (h *handler) open(name string) (*os.File, fs.FileInfo, error) {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	return regular.OpenIn(root, name)
}

// describe sets the headers of a file.
func describe(h http.Header, name string, info fs.FileInfo) {
	sum, immutable := files.Immutable(name)
	tag := fmt.Sprintf(`W/"%x-%x"`, info.Size(), info.ModTime().UnixNano())
	if sum != "" {
		tag = `"` + sum + `"`
	}
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Content-Type", contentType(name))
}

func contentType(name string) string {
	switch {
	case path.Ext(name) == ".json":
		return "application/json"
	case path.Ext(name) == ".zst":
		return "application/zstd"
	case name == "log/checkpoint", strings.HasPrefix(name, "log/lookup/"):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// refuse answers with one line of text.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the client may be gone
}

func cut(s string, most int) string { return s[:min(len(s), most)] }
