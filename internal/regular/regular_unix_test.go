// SPDX-License-Identifier: Apache-2.0

//go:build unix

package regular_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
)

// TestAPipeIsRefusedWithoutAWriter would hang if the open of a pipe waited.
func TestAPipeIsRefusedWithoutAWriter(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "pipe")
}

func TestLinks(t *testing.T) {
	dir := place(t)
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got, err := regular.ReadFile(filepath.Join(dir, "link"), 5); err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "device")); err != nil {
		t.Fatal(err)
	}
	if _, err := regular.ReadFile(filepath.Join(dir, "device"), 5); err == nil {
		t.Error("a device is read through a link")
	}
}
