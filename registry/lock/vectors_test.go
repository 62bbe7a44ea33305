// SPDX-License-Identifier: Apache-2.0

package lock_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

var vectorDir = filepath.Join("..", "..", "testdata", "vectors", "lock")

// vectors is the published vectors.json; its README says what the fields mean.
type vectors struct {
	Files      []vector    `json:"files"`
	Admissions []admission `json:"admissions"`
}

type admission struct {
	Why       string                  `json:"why"`
	Locked    map[string]heldPlatform `json:"locked"`
	Version   string                  `json:"version"`
	Platforms map[string]heldPlatform `json:"platforms"`
	Platform  string                  `json:"platform"`
	Known     []string                `json:"known"`
	Refused   string                  `json:"refused,omitempty"`
	After     map[string]heldPlatform `json:"after,omitempty"`
}

type vector struct {
	File   string      `json:"file"`
	Why    string      `json:"why"`
	Valid  bool        `json:"valid"`
	Fault  string      `json:"fault,omitempty"`
	At     string      `json:"at,omitempty"`
	Normal string      `json:"normal,omitempty"`
	Holds  []heldEntry `json:"holds,omitempty"`
}

// heldEntry is a plugin as the vectors spell it.
type heldEntry struct {
	ID          string                  `json:"id"`
	Registry    string                  `json:"registry"`
	Version     string                  `json:"version"`
	Constraints string                  `json:"constraints,omitempty"`
	Pinned      bool                    `json:"pinned,omitempty"`
	Grants      []string                `json:"grants,omitempty"`
	Platforms   map[string]heldPlatform `json:"platforms"`
}

type heldPlatform struct {
	H1         string   `json:"h1"`
	Executable string   `json:"executable"`
	Archive    string   `json:"archive"`
	Known      []string `json:"known,omitempty"`
}

func held(f *lock.File) []heldEntry {
	var out []heldEntry
	for _, p := range f.Plugins {
		e := heldEntry{ID: p.ID, Registry: p.Registry, Version: p.Version, Constraints: p.Constraints, Pinned: p.Pinned, Grants: p.Grants, Platforms: map[string]heldPlatform{}}
		for key, platform := range p.Platforms {
			e.Platforms[key] = heldPlatform(platform)
		}
		out = append(out, e)
	}
	return out
}

func readVectors(t testing.TB) *vectors {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(readFile(t, "vectors.json")))
	dec.DisallowUnknownFields()
	var v vectors
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return &v
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorDir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestVectors runs the published files. After a change of the format the normal
// forms are written anew by UPDATE_VECTORS=1 go test -run TestVectors
func TestVectors(t *testing.T) {
	v := readVectors(t)
	update := os.Getenv("UPDATE_VECTORS") != ""
	for i := range v.Files {
		e := &v.Files[i]
		t.Run(strings.TrimSuffix(filepath.Base(e.File), ".hcl"), func(t *testing.T) {
			f, err := lock.Parse("x.hcl", readFile(t, e.File))
			switch {
			case !e.Valid:
				checkFault(t, e, err)
			case err != nil:
				t.Fatalf("%s: %v", e.Why, err)
			default:
				checkNormal(t, e, f, update)
			}
		})
	}
	if update && !t.Failed() {
		writeVectors(t, v)
	}
}

func platformsOf(held map[string]heldPlatform) map[string]lock.Platform {
	out := map[string]lock.Platform{}
	for key, p := range held {
		out[key] = lock.Platform(p)
	}
	return out
}

func TestVectorAdmissions(t *testing.T) {
	for _, a := range readVectors(t).Admissions {
		t.Run(a.Why, func(t *testing.T) {
			f := &lock.File{Plugins: []lock.Plugin{{ID: "acme/scaler", Registry: "default", Version: "1.0.0", Platforms: platformsOf(a.Locked)}}}
			err := f.Admit(rel(a.Version, platformsOf(a.Platforms)), a.Platform, a.Known...)
			after := a.After
			if a.Refused != "" {
				after = a.Locked
				wrong, ok := errors.AsType[*lock.TamperedError](err)
				if !ok || wrong.What != a.Refused || wrong.ID != "acme/scaler" {
					t.Fatalf("error %v, want a TamperedError about %s", err, a.Refused)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got := f.Plugins[0].Platforms; !reflect.DeepEqual(got, platformsOf(after)) {
				t.Errorf("locked %v, want %v", got, platformsOf(after))
			}
		})
	}
}

func checkFault(t *testing.T, e *vector, err error) {
	if err == nil || !strings.Contains(err.Error(), e.Fault) {
		t.Fatalf("%s: error %v, want one with %q", e.Why, err, e.Fault)
	}
	wrong, ok := errors.AsType[*lock.ParseError](err)
	if !ok {
		if _, ok := errors.AsType[*lock.NewerError](err); !ok {
			t.Fatalf("error %T", err)
		}
		return
	}
	for _, p := range wrong.Problems {
		at := fmt.Sprintf("%d:%d", p.Line, p.Column)
		if strings.Contains(p.Text, e.Fault) && (e.At == "" || e.At == at) {
			return
		}
	}
	t.Fatalf("%s: nothing about %q at %q: %v", e.Why, e.Fault, e.At, err)
}

func checkNormal(t *testing.T, e *vector, f *lock.File, update bool) {
	normal, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if update {
		e.Normal, e.Holds = string(normal), held(f)
		return
	}
	if string(normal) != e.Normal {
		t.Fatalf("normal form\n%s\nwant\n%s", normal, e.Normal)
	}
	got, _ := json.Marshal(held(f))
	want, _ := json.Marshal(e.Holds)
	if !bytes.Equal(got, want) {
		t.Fatalf("it holds\n%s\nwant\n%s", got, want)
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
