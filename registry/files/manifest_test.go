// SPDX-License-Identifier: Apache-2.0

package files

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.bulkhead.file.v1",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
		`"layers":[{"mediaType":"application/octet-stream","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,` +
		`"annotations":{"org.opencontainers.image.title":"log/checkpoint"}}]}`))
	f.Add([]byte(`{"layers":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		layer, err := parseManifest(data, "log/checkpoint")
		if err == nil && (layer.Size < 0 || layer.Digest.Validate() != nil || layer.Digest.Algorithm() != digest.SHA256) {
			t.Fatalf("accepted: %+v", layer)
		}
	})
}

func TestOptionsTellNoSecrets(t *testing.T) {
	o := Options{User: "me", Password: "hunter2", Token: "hunter3"}
	src, err := OpenSource("https://example.org/r", o)
	must(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{o, &o, src} {
			if s := fmt.Sprintf(format, v); strings.Contains(s, "hunter") {
				t.Errorf("%s of %T is %s", format, v, s)
			}
		}
	}
}
