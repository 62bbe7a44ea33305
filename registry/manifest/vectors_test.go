// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var vectorDir = filepath.Join("..", "..", "testdata", "vectors", "manifest")

// vectors is the published vectors.json; its README says what the fields mean.
type vectors struct {
	Documents []struct {
		File  string `json:"file"`
		About string `json:"about"`
		Valid bool   `json:"valid"`
		Fault string `json:"fault"`
	} `json:"documents"`
	Grants []struct {
		Kind  string `json:"kind"`
		Value string `json:"value"`
		Valid bool   `json:"valid"`
		About string `json:"about"`
	} `json:"grants"`
}

func readVectors(t *testing.T) *vectors {
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

// faultWords are how the errors of this package begin to tell of a fault.
var faultWords = map[string]string{
	"syntax": "manifest is not valid: ", "unknown key": "unknown field", "name": "name ", "version": "version ", "digest": "digest ",
	"executable": "executable ", "runtime": "runtime: ", "grants": "grants: at most",
}

// TestVectorDocuments runs the published manifests. A valid one survives being
// written and read.
func TestVectorDocuments(t *testing.T) {
	listed := []string{}
	for _, d := range readVectors(t).Documents {
		listed = append(listed, d.File)
		data, err := os.ReadFile(filepath.Join(vectorDir, filepath.FromSlash(d.File)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(data)
		if !d.Valid {
			if err == nil || !strings.Contains(err.Error(), faultWords[d.Fault]) || faultWords[d.Fault] == "" {
				t.Errorf("%s, %s: error %v, want one of the %s", d.File, d.About, err, d.Fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s, %s: %v", d.File, d.About, err)
			continue
		}
		encoded, err := m.Encode()
		if err != nil {
			t.Errorf("%s: %v", d.File, err)
		}
		again, err := Parse(encoded)
		if err != nil || !slices.Equal(again.Grants, m.Grants) || again.Digest != m.Digest {
			t.Errorf("%s became %+v, %v", d.File, again, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "documents", "*"))
	if err != nil || len(files) != len(listed) {
		t.Errorf("%d files and %d vectors, %v", len(files), len(listed), err)
	}
}

func TestVectorGrants(t *testing.T) {
	for _, v := range readVectors(t).Grants {
		g := Grant{Kind: v.Kind, Why: "w"}
		switch v.Kind {
		case Net:
			g.Address = v.Value
		case Env, Secret:
			g.Name = v.Value
		default:
			g.Path = v.Value
		}
		if err := g.Validate(); (err == nil) != v.Valid {
			t.Errorf("%s, %s: %v, want valid %t", g, v.About, err, v.Valid)
		}
	}
}
