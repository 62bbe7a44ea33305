// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// TestSources fetches over a directory and over a web server, as users do.
func TestSources(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	dir := t.TempDir()
	store, err := files.OpenStore(dir, files.Options{})
	must(t, err)
	for _, name := range g.Names("") {
		must(t, store.Put(t.Context(), name, bytes.NewReader(g.Get(name))))
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	for _, address := range []string{dir, server.URL} {
		src, err := files.OpenSource(address, files.Options{})
		must(t, err)
		o := g.options(src, t.TempDir())
		steps := map[trust.Step]bool{}
		o.Progress = func(e trust.Event) { steps[e.Step] = true }
		c, err := trust.Open(o)
		must(t, err)
		if _, err := fetch(t, c, "acme/scaler", "1.0.0"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if !steps[trust.StepMetadata] || !steps[trust.StepLog] || !steps[trust.StepArchive] {
			t.Errorf("%s: steps %v", address, steps)
		}
	}
}
