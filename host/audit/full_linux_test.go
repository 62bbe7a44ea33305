// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAFullDisk fills a real file system of 256 KiB, then makes room.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("this user cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 64<<10), 0o600))
	log := filepath.Join(dir, "audit")
	l, err := Open(log, testHost)
	must(t, err)
	promised := 0
	for range 1000 {
		if err = l.Append("gpu", life[2].event).Wait(context.Background()); err != nil {
			break
		}
		promised++
	}
	if err == nil || !isFull(err) || !strings.Contains(err.Error(), "free space there") {
		t.Fatalf("error %v after %d records", err, promised)
	}
	if v := verdict(t, log); !v.Intact || v.Records != uint64(promised) {
		t.Errorf("%d records of %d, %+v", v.Records, promised, v)
	}
	if _, err := Open(filepath.Join(dir, "other"), testHost); err == nil {
		t.Error("a log is opened where nothing can be written")
	}
	must(t, os.Remove(ballast))
	must(t, l.Append("gpu", life[2].event).Wait(context.Background()))
	if err := l.Close(); !isFull(err) {
		t.Errorf("Close says %v", err)
	}
	intact(t, log, promised+2)
}

// TestAReadOnlyDirectory is refused by Open, in words.
func TestAReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("this user cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if _, err := Open(filepath.Join(dir, "audit"), testHost); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("error %v", err)
	}
	if v, err := Verify(filepath.Join(dir, "audit")); err != nil || !v.Intact {
		t.Errorf("%v, %+v", err, v)
	}
}
