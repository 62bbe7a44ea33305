// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/packaging/bom"
)

type entry struct {
	name string
	mode int64
	data []byte
}

// pack writes an archive of the form that its name says.
func pack(t *testing.T, name string, entries ...entry) string {
	t.Helper()
	var out bytes.Buffer
	if strings.HasSuffix(name, ".zip") {
		packZip(t, &out, entries)
	} else {
		packTar(t, &out, entries)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func packTar(t *testing.T, out *bytes.Buffer, entries []entry) {
	t.Helper()
	zipped := gzip.NewWriter(out)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
}

func packZip(t *testing.T, out *bytes.Buffer, entries []entry) {
	t.Helper()
	w := zip.NewWriter(out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(os.FileMode(e.mode))
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// self is an executable that Go built: this test.
func self(t *testing.T) []byte {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBill makes the bill of an archive with a host and of a stage with a plugin.
func TestBill(t *testing.T) {
	host := self(t)
	platform, err := platformOf(host)
	if err != nil || platform != runtime.GOOS+"_"+runtime.GOARCH {
		t.Fatalf("platform %q, %v", platform, err)
	}
	stage := t.TempDir()
	plugin := filepath.Join(stage, platform, "plugins", "a", "bulkhead-plugin-a")
	if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plugin, host, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	for _, name := range []string{"x.tar.gz", "x.zip"} {
		archive := pack(t, name, entry{"x/completions/bulkhead", 0o644, []byte("complete")}, entry{"x/bulkhead", 0o755, host})
		b, err := bill(stage, archive)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, p := range b.Parts {
			parts = append(parts, p.Name)
		}
		if !slices.Equal(parts, []string{"bulkhead", "bulkhead-plugin-a"}) || b.Name != name || b.Parts[0].Digest != b.Parts[1].Digest {
			t.Errorf("%s: parts %v", name, parts)
		}
		if len(b.Parts[0].Modules) < 2 || b.Parts[0].Modules[0].Licence == "" {
			t.Errorf("%s: libraries %v", name, b.Parts[0].Modules)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	host, stage := self(t), t.TempDir()
	archive := pack(t, "x.tar.gz", entry{"bulkhead", 0o755, host})
	out := filepath.Join(t.TempDir(), "x.json")
	if err := write(stage, archive, out, bom.Bill.SPDX); err == nil || !strings.Contains(err.Error(), "no plugins") {
		t.Errorf("without plugins: %v", err)
	}
	plugin := filepath.Join(stage, runtime.GOOS+"_"+runtime.GOARCH, "plugins", "a", "bulkhead-plugin-a")
	if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plugin, host, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, encode := range forms {
		if err := write(stage, archive, out, encode); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := os.ReadFile(out)
		if err != nil || !json.Valid(data) {
			t.Errorf("%s: no JSON, %v", name, err)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	if err := write(stage, archive, out, bom.Bill.SPDX); err == nil {
		t.Error("a bill without a time")
	}
}

func TestRefusals(t *testing.T) {
	known := func(string, string) (string, error) { return "MIT", nil }
	for name, archive := range map[string]string{
		"no host":         pack(t, "x.tar.gz", entry{"README.md", 0o644, nil}),
		"no host in zip":  pack(t, "x.zip", entry{"README.md", 0o644, nil}),
		"only its script": pack(t, "x.tar.gz", entry{"completions/bulkhead", 0o644, nil}),
		"a script":        pack(t, "x.tar.gz", entry{"bulkhead", 0o755, []byte("#!/bin/sh\n")}),
		"no archive":      filepath.Join(t.TempDir(), "nothing.tar.gz"),
	} {
		if _, _, err := hostOf(archive, known); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
