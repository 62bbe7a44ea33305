// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// checkout makes a directory with files.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, place := range places {
		if err := os.MkdirAll(filepath.Join(dir, place), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCompare(t *testing.T) {
	a := checkout(t, map[string]string{
		"dist/same": "x", "dist/other": "abcd", "dist/longer": "ab", "dist/first": "", "dist/metadata.json": "1", "bin/release/p/overlay.json": "1", "bin/release/tools/stamp": "1", "bin/release/man/a.1": "m",
	})
	b := checkout(t, map[string]string{
		"dist/same": "x", "dist/other": "abXd", "dist/longer": "abc", "bin/release/second": "", "dist/metadata.json": "2", "bin/release/p/overlay.json": "2", "bin/release/tools/stamp": "2", "bin/release/man/a.1": "m",
	})
	same, different, err := compare(a, b)
	want := []string{
		"bin/release/second: only the second build has it", "dist/first: only the first build has it",
		"dist/longer: 2 and 3 bytes, different from byte 2", "dist/other: 4 and 4 bytes, different from byte 2",
	}
	if err != nil || same != 2 || !slices.Equal(different, want) {
		t.Errorf("%d the same, different %q, %v", same, different, err)
	}
	if err := report(a, b); err == nil {
		t.Error("a difference is no failure")
	}
	if err := report(a, a); err != nil {
		t.Error(err)
	}
}

// TestNothingIsNoSuccess: two builds that made nothing do not agree.
func TestNothingIsNoSuccess(t *testing.T) {
	if err := report(checkout(t, nil), checkout(t, nil)); err == nil {
		t.Error("two empty builds are the same release")
	}
}

// TestNarrow: of the configuration only the platforms change.
func TestNarrow(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	data, err = narrow(data, []string{"linux_arm64"})
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Builds []struct {
			Targets, Goos, Flags []string
		}
		Archives []map[string]any
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	b := c.Builds[0]
	if !slices.Equal(b.Targets, []string{"linux_arm64"}) || len(b.Goos) != 0 || !slices.Contains(b.Flags, "-trimpath") || len(c.Archives) != 1 {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{"builds: []", "builds: [x]", ":"} {
		if _, err := narrow([]byte(bad), nil); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestBuildsDiffer: what must not matter is not the same by accident.
func TestBuildsDiffer(t *testing.T) {
	b := builds(t.TempDir())
	if b[0].umask == b[1].umask || b[0].parallel == b[1].parallel || len(b[0].source) == len(b[1].source) {
		t.Errorf("%+v", b)
	}
	for i := range b[0].env {
		if b[0].env[i] == b[1].env[i] {
			t.Errorf("both have %s", b[0].env[i])
		}
	}
}
