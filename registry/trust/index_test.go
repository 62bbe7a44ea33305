// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// signedTargets is the metadata of acme with one release.
func signedTargets(f *testing.F) []byte {
	data := []byte("archive")
	sum := sha256.Sum256(data)
	r := &release.Release{
		ID: "acme/scaler", Version: "1.0.0", Summary: "scales", Licence: "Apache-2.0", Protocols: []int{1}, Published: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Platforms: map[string]release.Platform{"any": {
			H1: "h1:" + base64.StdEncoding.EncodeToString(sum[:]), Executable: digestOf(data), Archive: digestOf(data), Bytes: int64(len(data)), Unpacked: 9,
		}},
	}
	document, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	m := metadata.Targets(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))
	custom := json.RawMessage(fmt.Appendf(nil, `{"release":%s,"yanked":{"reason":"old","at":"2026-02-01T00:00:00Z"}}`, document))
	for path, content := range map[string][]byte{"plugins/acme/scaler/1.0.0/release.json": document, "plugins/acme/scaler/1.0.0/any.tar.zst": data} {
		t, err := metadata.TargetFile().FromBytes(path, content, "sha256")
		if err != nil {
			f.Fatal(err)
		}
		m.Signed.Targets[path] = t
	}
	m.Signed.Targets["plugins/acme/scaler/1.0.0/release.json"].Custom = &custom
	out, err := m.ToBytes(false)
	if err != nil {
		f.Fatal(err)
	}
	return out
}

// parse is go-tuf's reading of targets, which panics on some that package tuf
// refuses; nil for those and for what is malformed.
func parse(data []byte) (m *metadata.Metadata[metadata.TargetsType]) {
	defer func() {
		if recover() != nil {
			m = nil
		}
	}()
	m, err := metadata.Targets().FromBytes(data)
	if err != nil {
		return nil
	}
	return m
}

// FuzzIndex reads what a publisher may have signed: nothing panics, and what is
// listed is what the targets are.
func FuzzIndex(f *testing.F) {
	good := signedTargets(f)
	m, err := metadata.Targets().FromBytes(good)
	if err != nil {
		f.Fatal(err)
	}
	if x, err := newIndex("acme", m, "default"); err != nil || len(x.plugins()) != 1 {
		f.Fatal(x, err)
	}
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("acme"), []byte("evil")))
	f.Add([]byte(`{"signatures":[],"signed":{"_type":"targets","targets":{"plugins/acme/a/1.0.0/release.json":null}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := parse(data)
		if m == nil {
			return
		}
		x, err := newIndex("acme", m, "default")
		if err != nil {
			return
		}
		for _, id := range x.plugins() {
			for _, k := range x.releases[id.Name] {
				if id.Namespace != "acme" || k.ID != id.String() || m.Signed.Targets[release.TargetPath(id, k.Version)] == nil {
					t.Errorf("%s %s is listed", k.ID, k.Version)
				}
			}
		}
	})
}
