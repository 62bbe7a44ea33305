// SPDX-License-Identifier: Apache-2.0

package linkage

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTarget(t *testing.T) {
	for goarch, want := range map[string]string{"amd64": "x86_64-linux-gnu.2.17", "arm64": "aarch64-linux-gnu.2.17", "riscv64": ""} {
		got, err := Target(goarch)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", goarch, got, err)
		}
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		version string
		want    bool
	}{{"2.17", false}, {"2.2.5", false}, {"2.9", false}, {"2.17.1", true}, {"2.18", true}, {"2.34", true}, {"3.0", true}, {"PRIVATE", true}, {"", true}} {
		if got := newer(c.version, Baseline); got != c.want {
			t.Errorf("newer(%q, %q) = %v", c.version, Baseline, got)
		}
	}
}

// program is what Go links without a C compiler.
func program(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRefusesOthers: neither a program of this machine nor a text passes.
func TestRefusesOthers(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{text, filepath.Join(t.TempDir(), "nothing")} {
		if err := Check(name, "amd64"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Check(program(t), "riscv64"); err == nil {
		t.Error("a processor that no release is for")
	}
	if runtime.GOOS != "linux" {
		return
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	err := Check(program(t), other)
	for _, want := range []string{"it is for", "it asks for the loader", "NVML"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("this test as the plugin: %v lacks %q", err, want)
		}
	}
}
