// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sys/unix"
)

// TestAFullDisk fills a real file system of 512 KiB in the middle of a batch,
// makes room, and goes on.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("this user cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 300<<10), 0o600))
	f, err := os.Create(filepath.Join(dir, "table"))
	must(t, err)
	defer f.Close()
	w, err := Create(f, everything)
	must(t, err)
	var want []arrow.RecordBatch
	for err == nil {
		want = append(want, rowsOf(100*len(want), 100))
		err = w.Append(want[len(want)-1])
	}
	if !errors.Is(err, syscall.ENOSPC) || len(want) < 3 || w.Len() != len(want)-1 {
		t.Fatalf("error %v after %d batches", err, w.Len())
	}
	wantBatches(t, w, want[:len(want)-1])
	must(t, os.Remove(ballast))
	must(t, w.Append(want[len(want)-1]))
	s, err := w.Close()
	must(t, err)
	r, err := Open(f)
	must(t, err)
	wantBatches(t, r, want)
	if d := digestOf(t, everything, rowsOf(0, 100*len(want))); d != s.Digest {
		t.Errorf("digest %s, want %s", s.Digest, d)
	}
}
