// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package collect

import (
	"syscall"
	"testing"
)

// pipe makes a named pipe, reading from which waits for ever.
func pipe(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o644); err != nil {
		t.Skip(err)
	}
}
