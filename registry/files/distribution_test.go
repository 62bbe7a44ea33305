// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// distribution is the part of the OCI distribution specification that a client
// needs which pushes and pulls: an OCI registry in memory.
type distribution struct {
	ranges   bool   // blobs are served in ranges
	user     string // "user:password", when they are asked for
	tamper   func(digest string, data []byte) []byte
	after    string // Retry-After of those
	away     string // where blobs are
	lie      bool   // a range is answered with another
	failures int    // requests that are answered 503 first

	mu        sync.Mutex
	blobs     map[string][]byte
	manifests map[string][]byte // by tag and by digest
	requests  []string
	url       string
}

func newDistribution(t *testing.T, s *distribution) *distribution {
	s.blobs, s.manifests = map[string][]byte{}, map[string][]byte{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = "oci://" + strings.TrimPrefix(server.URL, "http://") + "/acme/registry"
	return s
}

func ociStore(t *testing.T, d *distribution) files.Store {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s, err := files.OpenStore(d.url, files.Options{Pause: time.Millisecond, LockDir: t.TempDir()})
	must(t, err)
	return s
}

func (d *distribution) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r.Method+" "+r.URL.Path)
	if d.failures > 0 {
		d.failures--
		w.Header().Set("Retry-After", d.after)
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(d.user)); d.user != "" && r.Header.Get("Authorization") != want {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/acme/registry/")
	switch {
	case ok && strings.HasPrefix(path, "blobs/uploads/"):
		d.upload(w, r)
	case ok && strings.HasPrefix(path, "blobs/"):
		d.blob(w, r, strings.TrimPrefix(path, "blobs/"))
	case ok && strings.HasPrefix(path, "manifests/"):
		d.manifest(w, r, strings.TrimPrefix(path, "manifests/"))
	default:
		http.NotFound(w, r)
	}
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// upload is POST for an address to upload to, and PUT of the whole.
func (d *distribution) upload(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		w.Header().Set("Location", r.URL.Path+"1?state=token")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	data, err := io.ReadAll(r.Body)
	if want := r.URL.Query().Get("digest"); err != nil || r.Method != http.MethodPut || digestOf(data) != want {
		http.Error(w, "bad digest", http.StatusBadRequest)
		return
	}
	d.blobs[digestOf(data)] = data
	w.WriteHeader(http.StatusCreated)
}

func (d *distribution) blob(w http.ResponseWriter, r *http.Request, digest string) {
	data, ok := d.blobs[digest]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if d.tamper != nil {
		data = d.tamper(digest, data)
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Type", "application/octet-stream")
	if d.away != "" && r.Method == http.MethodGet {
		http.Redirect(w, r, d.away, http.StatusTemporaryRedirect)
		return
	}
	if d.lie && r.Header.Get("Range") != "" {
		r.Header.Set("Range", "bytes=1-2")
	}
	if d.ranges {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // a client may leave
	}
}

func (d *distribution) manifest(w http.ResponseWriter, r *http.Request, reference string) {
	if r.Method == http.MethodPut {
		data, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(r.Header.Get("Content-Type"), "vnd.oci.image.manifest") {
			http.Error(w, "bad manifest", http.StatusBadRequest)
			return
		}
		d.manifests[reference], d.manifests[digestOf(data)] = data, data
		w.Header().Set("Docker-Content-Digest", digestOf(data))
		w.WriteHeader(http.StatusCreated)
		return
	}
	data, ok := d.manifests[reference]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	w.Header().Set("Docker-Content-Digest", digestOf(data))
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // a client may leave
	}
}
