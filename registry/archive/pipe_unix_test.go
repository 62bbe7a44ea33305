// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package archive

import (
	"bytes"
	"syscall"
	"testing"
)

func makePipe(name string) error { return syscall.Mkfifo(name, 0o644) }

// TestUmask packs and unpacks as users with other habits do. It changes the
// process, so it runs beside no other test.
func TestUmask(t *testing.T) {
	want, _ := pack(t, lay(t, plugin(), false))
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	got, _ := pack(t, lay(t, plugin(), false))
	if !bytes.Equal(want, got) {
		t.Error("the umask changes the archive")
	}
	dir := fresh(t)
	_, err := Unpack(t.Context(), bytes.NewReader(got), dir, Limits{})
	must(t, err)
	modes(t, dir)
}
