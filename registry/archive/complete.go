// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// readManifest reads a manifest that must be complete.
func readManifest(data []byte) (*manifest.Manifest, error) {
	m, err := manifest.Parse(data)
	if err != nil {
		return nil, refuse(RuleManifest, manifest.FileName, "is not valid: %v", err)
	}
	if absent := missing(m); len(absent) > 0 {
		return nil, refuse(RuleManifest, manifest.FileName, "is not complete: it lacks %s", strings.Join(absent, ", "))
	}
	return m, nil
}

// missing names the fields that packing needs and a manifest does not have.
func missing(m *manifest.Manifest) []string {
	var out []string
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"name", m.Name != ""}, {"version", m.Version != ""}, {"protocols", len(m.Protocols) > 0},
		{"executable", m.Executable != ""}, {"digest", m.Digest != ""},
	} {
		if !field.given {
			out = append(out, field.name)
		}
	}
	return out
}

// checkExecutable compares the manifest's executable with the files.
func checkExecutable(m *manifest.Manifest, files map[string]Sum) error {
	sum, ok := files[m.Executable]
	switch {
	case !ok:
		return refuse(RuleManifest, m.Executable, "is the manifest's executable and not there")
	case digest(sum) != m.Digest:
		return refuse(RuleManifest, m.Executable, "has the digest %s, and the manifest says %s", digest(sum), m.Digest)
	}
	return nil
}
