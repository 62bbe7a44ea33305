// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/packaging/bom"
)

// TestMain stands in for Zig, which tells its version.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("1.2.3")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// zig is a directory as that of Zig, with this test as its executable.
func zig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE": "Permission is hereby granted, free of charge. THE SOFTWARE IS PROVIDED \"AS IS\"",
		"lib/libc/glibc/sysdeps/x86_64/start.S": "/* GNU Lesser General Public License as published; either version 2.1 of the License, or (at your option) any later version." +
			" unlimited permission to link the compiled version of this file with other programs */",
		"zig.exe": string(self(t)),
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "zig.exe")
}

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
	from := materials{stage, zig(t)}
	for _, form := range []string{"plugins", "static"} {
		plugin := filepath.Join(stage, platform, form, "a", "bulkhead-plugin-a")
		if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(plugin, host, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	for _, name := range []string{"x.tar.gz", "x.zip"} {
		archive := pack(t, name, entry{"x/completions/bulkhead", 0o644, []byte("complete")}, entry{"x/bulkhead", 0o755, host})
		b, err := from.bill(archive)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, p := range b.Parts {
			parts = append(parts, p.Name)
		}
		if !slices.Equal(parts, []string{"bulkhead", "bulkhead-plugin-a", "static/bulkhead-plugin-a"}) || b.Name != name || b.Parts[0].Digest != b.Parts[1].Digest {
			t.Errorf("%s: parts %v", name, parts)
		}
		if len(b.Parts[0].Modules) < 2 || b.Parts[0].Modules[0].Licence == "" {
			t.Errorf("%s: libraries %v", name, b.Parts[0].Modules)
		}
		if b.Parts[1].Cgo != slices.ContainsFunc(b.Parts[1].Modules, func(m bom.Module) bool { return m.URL() == "pkg:pypi/ziglang@1.2.3" }) {
			t.Errorf("%s: built with cgo %v, libraries %v", name, b.Parts[1].Cgo, b.Parts[1].Modules)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	host, stage := self(t), t.TempDir()
	from := materials{stage, zig(t)}
	archive := pack(t, "x.tar.gz", entry{"bulkhead", 0o755, host})
	out := filepath.Join(t.TempDir(), "x.json")
	if err := write(from, archive, out, bom.Bill.SPDX); err == nil || !strings.Contains(err.Error(), "no plugins") {
		t.Errorf("without plugins: %v", err)
	}
	plugin := filepath.Join(stage, runtime.GOOS+"_"+runtime.GOARCH, "plugins", "a", "bulkhead-plugin-a")
	if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plugin, host, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, encode := range encodings {
		if err := write(from, archive, out, encode); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := os.ReadFile(out)
		if err != nil || !json.Valid(data) {
			t.Errorf("%s: no JSON, %v", name, err)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	if err := write(from, archive, out, bom.Bill.SPDX); err == nil {
		t.Error("a bill without a time")
	}
}

// TestTheCompilerIsNamed: what a C compiler put into a plugin is never left out.
func TestTheCompilerIsNamed(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok || !slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"}) {
		t.Skip("this test was built without cgo")
	}
	known := func(string, string) (string, error) { return "MIT", nil }
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (materials{}).plugin(name, known); err == nil || !strings.Contains(err.Error(), "-zig") {
		t.Errorf("without its compiler: %v", err)
	}
	if _, err := (materials{zig: filepath.Join(t.TempDir(), "zig")}).plugin(name, known); err == nil {
		t.Error("with a compiler that does not exist")
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
