// SPDX-License-Identifier: Apache-2.0

package files_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

func TestOCIManifestIsAsDocumented(t *testing.T) {
	d := newDistribution(t, &distribution{})
	s := ociStore(t, d)
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	var m map[string]any
	must(t, json.Unmarshal(d.manifests["log__checkpoint"], &m))
	layer := m["layers"].([]any)[0].(map[string]any)
	config := m["config"].(map[string]any)
	for what, got := range map[string]any{
		"application/vnd.bulkhead.file.v1":           m["artifactType"],
		"application/vnd.oci.image.manifest.v1+json": m["mediaType"],
		"application/vnd.oci.empty.v1+json":          config["mediaType"],
		"log/checkpoint":                             layer["annotations"].(map[string]any)["org.opencontainers.image.title"],
		digestOf([]byte("note")):                     layer["digest"],
	} {
		if got != what {
			t.Errorf("the manifest has %v, want %v", got, what)
		}
	}
	before := string(d.manifests["log__checkpoint"])
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	if before != string(d.manifests["log__checkpoint"]) {
		t.Error("the same file twice makes two manifests")
	}
	uploads := 0
	for _, r := range d.requests {
		if strings.HasPrefix(r, "PUT /v2/acme/registry/blobs/") {
			uploads++
		}
	}
	if uploads != 2 {
		t.Errorf("%d blobs were uploaded for a config and a layer", uploads)
	}
}

func TestOCIRefusesWhatItDidNotWrite(t *testing.T) {
	d := newDistribution(t, &distribution{})
	s := ociStore(t, d)
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	good := string(d.manifests["log__checkpoint"])
	for what, manifest := range map[string]string{
		"titled":      strings.Replace(good, `"log/checkpoint"`, `"log/other"`, 1),
		"of type":     strings.Replace(good, "vnd.bulkhead.file", "vnd.else", 1),
		"0 layers":    good[:strings.Index(good, `"layers":`)] + `"layers":[]}`,
		"SHA-256":     strings.Replace(good, digestOf([]byte("note")), "sha512:00", 1),
		"no JSON":     "{",
		"should have": good + strings.Repeat(" ", 70_000),
	} {
		d.manifests["log__checkpoint"] = []byte(manifest)
		if _, err := files.ReadAll(t.Context(), s, "log/checkpoint", 100); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOCIVerifiesLayer(t *testing.T) {
	d := newDistribution(t, &distribution{tamper: func(_ string, data []byte) []byte {
		return []byte(strings.Replace(string(data), "note", "fake", 1))
	}})
	s := ociStore(t, d)
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	if data, err := files.ReadAll(t.Context(), s, "log/checkpoint", 100); err == nil {
		t.Errorf("a layer with another digest gives %q", data)
	}
}

func TestOCITriesAgain(t *testing.T) {
	d := newDistribution(t, &distribution{failures: 3})
	s := ociStore(t, d)
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	d.failures = 100
	var status *files.StatusError
	if err := s.Put(t.Context(), "log/checkpoint", strings.NewReader("new")); !errors.As(err, &status) || status.Status != 503 {
		t.Errorf("a registry that is busy for long: %v", err)
	}
	d.after, d.requests = "3600", nil
	if _, err := files.ReadAll(t.Context(), s, "log/checkpoint", 10); !errors.As(err, &status) || status.After != time.Hour || len(d.requests) != 1 {
		t.Errorf("a registry that wants to be left alone: %v after %d requests", err, len(d.requests))
	}
}

func TestOCIRangesThatAreNot(t *testing.T) {
	d := newDistribution(t, &distribution{ranges: true})
	s := ociStore(t, d)
	data := noise(1000)
	must(t, s.Put(t.Context(), "targets/x", bytes.NewReader(data)))
	d.lie = true
	body, info, err := s.Open(t.Context(), "targets/x", 600)
	must(t, err)
	got, err := io.ReadAll(body)
	must(t, errors.Join(err, body.Close()))
	if info.Offset != 0 || !bytes.Equal(got, data) {
		t.Errorf("a range that is another: %+v, %d bytes", info, len(got))
	}
}

// Registries keep blobs at addresses whose queries give access to them.
func TestOCIRedirectedBlob(t *testing.T) {
	data := "note"
	var authorization string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		_, _ = io.WriteString(w, data)
	}))
	defer elsewhere.Close()
	d := newDistribution(t, &distribution{user: "me:hunter2"})
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s, err := files.OpenStore(d.url, files.Options{User: "me", Password: "hunter2", Pause: time.Millisecond})
	must(t, err)
	must(t, s.Put(t.Context(), "log/checkpoint", strings.NewReader(data)))
	d.away = strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) + "/blob?signature=secret"
	if got, err := files.ReadAll(t.Context(), s, "log/checkpoint", 10); err != nil || string(got) != data || authorization != "" {
		t.Errorf("%q, %v; it was sent the credentials %q", got, err, authorization)
	}
	data = "longer than the manifest says"
	if _, err := files.ReadAll(t.Context(), s, "log/checkpoint", 100); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	d.away = "http://registry.example/blob?signature=secret"
	if _, err := files.ReadAll(t.Context(), s, "log/checkpoint", 100); err == nil || !strings.Contains(err.Error(), "clear text") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	d.away = "http://[::1?signature=secret"
	if _, err := files.ReadAll(t.Context(), s, "log/checkpoint", 100); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestOCICredentials(t *testing.T) {
	d := newDistribution(t, &distribution{user: "me:hunter2"})
	config := t.TempDir()
	t.Setenv("DOCKER_CONFIG", config)
	open := func(o files.Options) files.Store {
		o.Pause = time.Millisecond
		s, err := files.OpenStore(d.url, o)
		must(t, err)
		return s
	}
	var status *files.StatusError
	err := open(files.Options{}).Put(t.Context(), "log/checkpoint", strings.NewReader("note"))
	if !errors.As(err, &status) || status.Status != 401 || !strings.Contains(err.Error(), "docker login") {
		t.Errorf("without credentials: %v", err)
	}
	must(t, open(files.Options{User: "me", Password: "hunter2"}).Put(t.Context(), "log/checkpoint", strings.NewReader("note")))
	err = open(files.Options{User: "me", Password: "secret3"}).Put(t.Context(), "log/checkpoint", strings.NewReader("x"))
	if err == nil || strings.Contains(err.Error(), "secret3") {
		t.Errorf("with a wrong password: %v", err)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(d.url, "oci://"), "/")
	auth := base64.StdEncoding.EncodeToString([]byte("me:hunter2"))
	must(t, os.WriteFile(filepath.Join(config, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, auth), 0o600))
	if data, err := files.ReadAll(t.Context(), open(files.Options{}), "log/checkpoint", 10); err != nil || string(data) != "note" {
		t.Errorf("with Docker's credentials: %q, %v", data, err)
	}
	must(t, os.WriteFile(filepath.Join(config, "config.json"), []byte("{"), 0o600))
	if _, err := files.OpenStore(d.url, files.Options{}); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("with a broken configuration of Docker: %v", err)
	}
}

// A registry that names a place for tokens in clear text would be sent the password
// for all to read.
func TestOCIKeepsPasswordFromClearText(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://tokens.example/token?secret=1",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	s, err := files.OpenSource("oci://"+strings.TrimPrefix(server.URL, "http://")+"/a/b", files.Options{User: "me", Password: "hunter2", Pause: time.Millisecond})
	must(t, err)
	_, err = files.ReadAll(t.Context(), s, "log/checkpoint", 10)
	if err == nil || !strings.Contains(err.Error(), "clear text") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
