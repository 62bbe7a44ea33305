// SPDX-License-Identifier: Apache-2.0

//go:build unix

package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What stands in the place of a manifest can neither hold the host up nor fill
// its memory.
func TestManifestsAreFiles(t *testing.T) {
	for what, make := range map[string]func(name string) error{
		"not a regular file": func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"not a regular":      func(name string) error { return os.Symlink("/dev/zero", name) },
		"larger than":        func(name string) error { return os.WriteFile(name, nil, 0o600) },
	} {
		dir := t.TempDir()
		name := filepath.Join(dir, FileName)
		if err := make(name); err != nil {
			t.Fatal(err)
		}
		if what == "larger than" {
			if err := os.Truncate(name, maxBytes+1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}
