// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestStaticForm: what is for machines without a loader has no C in it.
func TestStaticForm(t *testing.T) {
	c, err := static("linux", "arm64", source{"gpu", "plugins/builtin-gpu"}, testTools)
	if err != nil || c.dynamic || !slices.Contains(c.env, "CGO_ENABLED=0") || c.tags != tags {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestKeepDifferent(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/same": "1", "b/same": "1", "a/deep/other": "2", "b/deep/other": "3", "a/only": "4", "b/not": "5",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(dir, "b", "static")
	if err := keepDifferent(filepath.Join(dir, "a"), filepath.Join(dir, "b"), to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"same": "", "deep/other": "2", "only": "4", "not": ""} {
		got, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(name)))
		if (err != nil) != (want == "") || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := keepDifferent(filepath.Join(dir, "nowhere"), dir, to); err == nil {
		t.Error("a registry that does not exist is taken")
	}
}
