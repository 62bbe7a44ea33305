// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

var vectorDir = filepath.Join("..", "..", "testdata", "vectors", "release")

// vectors is the published vectors.json; its README says what the fields mean.
type vectors struct {
	Documents []struct {
		File   string `json:"file"`
		Why    string `json:"why"`
		Valid  bool   `json:"valid"`
		Fault  string `json:"fault,omitempty"`
		Form   string `json:"canonical,omitempty"`
		SHA256 string `json:"canonical_sha256,omitempty"`
	} `json:"documents"`
	IDs       []verdict `json:"ids"`
	Versions  []verdict `json:"versions"`
	Order     []string  `json:"order"`
	Platforms []verdict `json:"platforms"`
	Paths     []struct {
		Text     string `json:"text"`
		ID       string `json:"id,omitempty"`
		Version  string `json:"version,omitempty"`
		Platform string `json:"platform,omitempty"`
	} `json:"paths"`
}

type verdict struct {
	Text  string `json:"text"`
	Valid bool   `json:"valid"`
}

func readVectors(t testing.TB) *vectors {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorDir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var v vectors
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return &v
}

func readDocument(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorDir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestVectorDocuments runs the published documents. After a change of the format
// the canonical forms are written anew by UPDATE_VECTORS=1 go test -run TestVectorDocuments
func TestVectorDocuments(t *testing.T) {
	v := readVectors(t)
	update := os.Getenv("UPDATE_VECTORS") != ""
	for i, d := range v.Documents {
		t.Run(strings.TrimSuffix(filepath.Base(d.File), ".json"), func(t *testing.T) {
			r, err := release.Parse(readDocument(t, d.File))
			if !d.Valid {
				if err == nil || !strings.Contains(err.Error(), d.Fault) {
					t.Fatalf("%s: error %v, want one about %q", d.Why, err, d.Fault)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", d.Why, err)
			}
			form, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if update {
				sum := sha256.Sum256(form)
				v.Documents[i].Form, v.Documents[i].SHA256 = string(form), hex.EncodeToString(sum[:])
				return
			}
			if string(form) != d.Form {
				t.Fatalf("%s: canonical form\n%s\nwant\n%s", d.Why, form, d.Form)
			}
			if sum := sha256.Sum256(form); hex.EncodeToString(sum[:]) != d.SHA256 {
				t.Fatalf("SHA-256 %x, want %s", sum, d.SHA256)
			}
		})
	}
	if update && !t.Failed() {
		writeVectors(t, v)
	}
}

func writeVectors(t *testing.T, v *vectors) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := errors.Join(enc.Encode(v), os.WriteFile(filepath.Join(vectorDir, "vectors.json"), b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestVectorNames(t *testing.T) {
	v := readVectors(t)
	checkID := func(s string) error { _, err := release.ParseID(s); return err }
	for _, set := range []struct {
		what     string
		verdicts []verdict
		check    func(string) error
	}{{"id", v.IDs, checkID}, {"version", v.Versions, release.CheckVersion}, {"platform", v.Platforms, release.CheckPlatform}} {
		for _, e := range set.verdicts {
			if err := set.check(e.Text); (err == nil) != e.Valid {
				t.Errorf("%s %q: error %v, want valid %t", set.what, e.Text, err, e.Valid)
			}
		}
	}
}

func TestVectorOrder(t *testing.T) {
	order := readVectors(t).Order
	for i, a := range order {
		for j, b := range order {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := release.Compare(a, b); got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestVectorPaths(t *testing.T) {
	for _, e := range readVectors(t).Paths {
		p, err := release.ParsePath(e.Text)
		if (err == nil) != (e.ID != "") {
			t.Errorf("ParsePath(%q): error %v, want ID %q", e.Text, err, e.ID)
		}
		if err == nil && (p.ID.String() != e.ID || p.Version != e.Version || p.Platform != e.Platform || p.String() != e.Text) {
			t.Errorf("ParsePath(%q) = %+v (%s), want %+v", e.Text, p, p, e)
		}
	}
}
