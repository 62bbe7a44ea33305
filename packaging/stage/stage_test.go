// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/cli"
)

const root = "../.."

// TestFindsEveryPlugin: a plugin that the Makefile builds is part of a release, and
// the other way round.
func TestFindsEveryPlugin(t *testing.T) {
	plugins, err := findPlugins(root)
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(makefile)) {
		if name, dir, ok := strings.Cut(line, " := "); ok && strings.HasPrefix(name, "source-") {
			want = append(want, strings.TrimPrefix(name, "source-")+" "+strings.TrimSpace(dir))
		}
	}
	var got []string
	for _, p := range plugins {
		got = append(got, p.name+" "+p.dir)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(got) < 7 || !slices.Equal(got, want) {
		t.Errorf("plugins %q, the Makefile has %q", got, want)
	}
	if _, err := findPlugins(t.TempDir()); err == nil {
		t.Error("a tree without plugins is staged")
	}
}

func TestChosen(t *testing.T) {
	t.Setenv("BULKHEAD_RELEASE_PLATFORMS", "linux_arm64,darwin_arm64")
	if got := chosen([]string{"linux_amd64"}); !slices.Equal(got, []string{"linux_amd64"}) {
		t.Errorf("arguments: %v", got)
	}
	if got := chosen(nil); !slices.Equal(got, []string{"linux_arm64", "darwin_arm64"}) {
		t.Errorf("environment: %v", got)
	}
	t.Setenv("BULKHEAD_RELEASE_PLATFORMS", "")
	if got := chosen(nil); !slices.Equal(got, releasePlatforms) {
		t.Errorf("neither: %v", got)
	}
}

func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	real, shown := filepath.Join(dir, "real"), filepath.Join(dir, "shown")
	if err := os.MkdirAll(filepath.Join(real, "metadata"), 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(real, "metadata", "1.root.json")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := writeOverlay(file, shown, real); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &o); err != nil || len(o.Replace) != 1 || o.Replace[filepath.Join(shown, "metadata", "1.root.json")] != name {
		t.Errorf("%v, %v", o, err)
	}
	if err := writeOverlay(file, shown, filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a registry that does not exist is embedded")
	}
}

// TestTexts: pages and completions of every command, twice with the same bytes.
func TestTexts(t *testing.T) {
	var first map[string]string
	for range 2 {
		s := &stager{out: t.TempDir(), epoch: "1700000000"}
		if err := s.manuals(cli.Root()); err != nil {
			t.Fatal(err)
		}
		if err := s.completions(cli.Root()); err != nil {
			t.Fatal(err)
		}
		all := contents(t, s.out)
		if first == nil {
			first = all
			continue
		}
		for name, text := range all {
			if first[name] != text {
				t.Errorf("%s differs", name)
			}
		}
	}
	for _, want := range []string{"man/bulkhead.1", "man/bulkhead-doctor.1", "completions/bulkhead", "completions/_bulkhead", "completions/bulkhead.fish", "completions/bulkhead.ps1"} {
		if first[want] == "" {
			t.Errorf("no %s", want)
		}
	}
	page := first["man/bulkhead-doctor.1"]
	if !strings.Contains(page, "Nov 2023") || strings.Contains(page, "Auto generated") {
		t.Errorf("the page begins %.200q", page)
	}
	unpacked, err := gzip.NewReader(strings.NewReader(first["man-gz/bulkhead-doctor.1.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(plain, []byte(page)) {
		t.Errorf("the compressed page is another: %v", err)
	}
	if !unpacked.ModTime.IsZero() || unpacked.Name != "" {
		t.Error("the compressed page has a name or a time")
	}
}

// contents are the files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, sub := range []string{"man", "man-gz", "completions"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(dir, sub, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[sub+"/"+e.Name()] = string(data)
		}
	}
	return out
}

func TestRootFS(t *testing.T) {
	s := &stager{out: t.TempDir()}
	if err := s.rootFS(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.out, "rootfs")); err == nil {
		t.Error("a root file system without certificates")
	}
	s.cacert = filepath.Join(t.TempDir(), "cacert.pem")
	if err := s.rootFS(); err == nil {
		t.Error("certificates that do not exist are taken")
	}
	if err := os.WriteFile(s.cacert, []byte("PEM"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.rootFS(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(s.out, "rootfs", "etc", "ssl", "certs", "ca-certificates.crt")); err != nil || string(data) != "PEM" {
		t.Errorf("%q, %v", data, err)
	}
}
