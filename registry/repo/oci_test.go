// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	oci "github.com/google/go-containerregistry/pkg/registry"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// TestInAnOCIRegistry keeps a registry as artifacts of an OCI registry, and mirrors
// it from there to a directory.
func TestInAnOCIRegistry(t *testing.T) {
	ctx := context.Background()
	server := httptest.NewServer(oci.New(oci.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	t.Setenv("BULKHEAD_LOCKS_DIR", t.TempDir())
	r := &registry{t: t, keys: map[string]*keys.Key{}, now: start}
	var err error
	r.store, err = files.OpenStore("oci://"+strings.TrimPrefix(server.URL, "http://")+"/acme/plugins", files.Options{})
	must(t, err)
	r.created = r.init()
	must(t, r.everyone().AddPublisher(ctx, "acme", r.role(1, "acme"), nil))
	r.publish("1.0.0")
	r.publish("1.1.0")
	r.sound(2)

	dst := &registry{t: t, dir: t.TempDir(), created: r.created, now: start}
	dst.open(files.Options{})
	_, err = repo.Mirror(ctx, r.store, dst.store, repo.VerifyOptions{Root: r.created.Root, LogKey: r.created.LogKey, Now: r.now})
	must(t, err)
	dst.sound(2)
	dst.sees(t.TempDir(), "1.0.0 1.1.0")
}
