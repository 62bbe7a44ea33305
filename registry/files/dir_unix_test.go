// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package files

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestDirDoesNotWaitForPipe(t *testing.T) {
	s, path := store(t)
	must(t, syscall.Mkfifo(filepath.Join(path, "pipe"), 0o600))
	if _, _, err := s.Open(t.Context(), "pipe", 0); err == nil {
		t.Error("a pipe was opened")
	}
}
