// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

func sample() *release.Release {
	platform := release.Platform{
		H1:         "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		Executable: "sha256:" + strings.Repeat("a", 64), Archive: "sha256:" + strings.Repeat("b", 64), Bytes: 10, Unpacked: 20,
	}
	return &release.Release{
		ID: "acme/scaler", Version: "1.2.0", Summary: "s", Licence: "MIT", Protocols: []int{1},
		Grants:    []manifest.Grant{{Kind: manifest.Read, Path: "/data", Why: "w"}},
		Platforms: map[string]release.Platform{"linux_amd64": platform}, Published: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	r := sample()
	r.ID, r.Version, r.Summary, r.Homepage = "x", "1", "", "ftp://x"
	r.Grants = append(r.Grants, manifest.Grant{Kind: "odd"}, manifest.Grant{Kind: manifest.Env, Name: "1"})
	r.Kernels = []release.Kernel{{Name: "a", Compartment: "b"}, {Name: "a", Compartment: kernel.Data}}
	err := r.Validate()
	wrong, ok := errors.AsType[*release.InvalidError](err)
	if !ok {
		t.Fatalf("error %T, want an InvalidError", err)
	}
	text := strings.Join(wrong.Faults, "\n")
	for _, part := range []string{`id: plugin "x"`, `version "1"`, "summary is empty", "homepage:", `grant 2: kind "odd"`, `grant 3: env grant`, `kernels: "a": compartment "b"`, `kernels: "a" is there twice`} {
		if !strings.Contains(text, part) {
			t.Errorf("the faults lack %q:\n%s", part, text)
		}
	}
	if len(wrong.Faults) != 8 {
		t.Errorf("%d faults, want 8:\n%s", len(wrong.Faults), text)
	}
	if _, err := r.Encode(); err == nil {
		t.Error("an invalid release was encoded")
	}
}

// TestErrorsAreBoundedAndPrintable feeds hostile text to every field that an
// error repeats.
func TestErrorsAreBoundedAndPrintable(t *testing.T) {
	hostile := strings.Repeat("\x1b[2J\u202e\xff", 2000)
	r := sample()
	r.ID, r.Version, r.Summary, r.Licence, r.Homepage, r.Changes, r.MinHost = hostile, hostile, hostile, hostile, hostile, hostile, hostile
	for range 1000 {
		r.Grants = append(r.Grants, manifest.Grant{Kind: manifest.Read, Path: hostile, Why: hostile}, manifest.Grant{Kind: hostile})
		r.Collectors, r.Checks = append(r.Collectors, hostile), append(r.Checks, hostile)
		r.Kernels = append(r.Kernels, release.Kernel{Name: hostile, Compartment: hostile})
	}
	r.Platforms[hostile] = release.Platform{H1: hostile, Executable: hostile, Archive: hostile}
	text := r.Validate().Error()
	if len(text) > 16<<10 {
		t.Errorf("the error has %d bytes", len(text))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }) {
		t.Errorf("the error holds what cannot be printed: %q", text)
	}
}

func TestParseBoundsItsInput(t *testing.T) {
	data, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	padded := append(data, bytes.Repeat([]byte(" "), release.MaxDocument)...)
	if _, err := release.Parse(padded); err == nil || !strings.Contains(err.Error(), "more than 1048576") {
		t.Errorf("error %v, want one about the size", err)
	}
	long := sample()
	long.Changes = strings.Repeat("x", 64<<10+1)
	if err := long.Validate(); err == nil || !strings.Contains(err.Error(), "changes") {
		t.Errorf("error %v, want one about changes", err)
	}
}

func TestEncodeDoesNotTouchTheRelease(t *testing.T) {
	r := sample()
	r.Grants = nil
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if r.Grants != nil || !bytes.Contains(data, []byte(`"grants":[]`)) {
		t.Errorf("grants %v, encoded %s", r.Grants, data)
	}
	if bytes.HasSuffix(data, []byte("\n")) {
		t.Error("a newline stands at the end")
	}
}

func TestFor(t *testing.T) {
	r := sample()
	r.Platforms[release.Any] = release.Platform{Bytes: 7}
	for _, tt := range []struct {
		platform, key string
		bytes         int64
	}{{"linux_amd64", "linux_amd64", 10}, {"darwin_arm64", release.Any, 7}, {release.Any, release.Any, 7}} {
		if key, p, ok := r.For(tt.platform); !ok || key != tt.key || p.Bytes != tt.bytes {
			t.Errorf("For(%s) = %s, %v, %t", tt.platform, key, p, ok)
		}
	}
	delete(r.Platforms, release.Any)
	if key, _, ok := r.For("darwin_arm64"); ok || key != "" {
		t.Errorf("For(darwin_arm64) = %q, %t, want none", key, ok)
	}
}

func TestHostIsAPlatform(t *testing.T) {
	if err := release.CheckPlatform(release.Host()); err != nil {
		t.Error(err)
	}
	list := release.Platforms()
	if !slices.IsSorted(list[:len(list)-1]) || list[len(list)-1] != release.Any {
		t.Errorf("platforms %v are not sorted", list)
	}
}

// TestPlatformsAreThoseOfGo holds the list together with the toolchain.
func TestPlatformsAreThoseOfGo(t *testing.T) {
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Skipf("the go command does not list its ports: %v", err)
	}
	for _, port := range strings.Fields(string(out)) {
		os, _, _ := strings.Cut(port, "/")
		want := !slices.Contains([]string{"android", "ios", "js", "wasip1"}, os) // they run no plugins
		if err := release.CheckPlatform(strings.ReplaceAll(port, "/", "_")); (err == nil) != want {
			t.Errorf("platform of %s: error %v, want valid %t", port, err, want)
		}
	}
}

func TestCompartmentsAreThoseOfTheSDK(t *testing.T) {
	for _, name := range []string{kernel.Data, kernel.Infrastructure, kernel.Algorithms, kernel.MLOps} {
		r := sample()
		r.Kernels = []release.Kernel{{Name: "k", Compartment: name}}
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestRolePattern(t *testing.T) {
	id := release.ID{Namespace: "acme", Name: "scaler"}
	for _, p := range []string{release.TargetPath(id, "1.2.0"), release.ArchivePath(id, "1.2.0", "linux_amd64")} {
		if ok, err := path.Match(release.RolePattern("acme"), p); err != nil || !ok {
			t.Errorf("%s is not in the role of acme", p)
		}
		if ok, _ := path.Match(release.RolePattern("acm"), p); ok {
			t.Errorf("%s is in the role of another", p)
		}
	}
}

func TestYanked(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := (release.Yanked{Reason: "leaks memory", At: at}).Validate(); err != nil {
		t.Error(err)
	}
	for _, y := range []release.Yanked{{At: at}, {Reason: "a\x1bb", At: at}, {Reason: "a\nb", At: at}, {Reason: "a"}, {Reason: strings.Repeat("a", 501), At: at}} {
		if y.Validate() == nil {
			t.Errorf("%+v is valid", y)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range readVectors(f).Documents {
		f.Add(readDocument(f, d.File))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := release.Parse(data)
		if err != nil {
			if len(err.Error()) > 16<<10 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		form, err := r.Encode()
		if err != nil {
			t.Fatalf("what parses does not encode: %v", err)
		}
		if !json.Valid(form) || bytes.ContainsAny(form, "\n\r") {
			t.Fatalf("the canonical form is %q", form)
		}
		again, err := release.Parse(form)
		if err != nil {
			t.Fatalf("the canonical form does not parse: %v", err)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(form, twice) {
			t.Fatalf("%s became %s, %v", form, twice, err)
		}
		if third, _ := release.Parse(twice); !reflect.DeepEqual(again, third) {
			t.Fatalf("%+v became %+v", again, third)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, e := range readVectors(f).Paths {
		f.Add(e.Text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := release.ParsePath(s); err == nil && (p.String() != s || path.Clean(s) != s) {
			t.Fatalf("%q is read as %s", s, p)
		}
	})
}
