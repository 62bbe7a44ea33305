// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// small mounts a file system of a size.
func small(t *testing.T, flags uintptr, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "size="+size); err != nil {
		t.Skipf("this user cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestAFullDisk fills a real file system of 256 KiB, then makes room. What was
// committed stays, what was not leaves nothing.
func TestAFullDisk(t *testing.T) {
	mount := small(t, 0, "256k")
	ballast := filepath.Join(mount, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 64<<10), 0o600))
	dir := filepath.Join(mount, "store")
	s := opened(t, dir, Options{})
	var err error
	kept := 0
	for ; err == nil; kept++ {
		err = put(s, fmt.Sprint(kept), 100)
	}
	kept--
	if e, ok := errors.AsType[*Error](err); kept < 3 || !isFull(err) || (ok && !strings.Contains(e.Error(), "free space there")) {
		t.Fatalf("error %v after %d artifacts", err, kept)
	}
	wantFiles(t, dir, kept)
	for i := range kept {
		must(t, check(s, fmt.Sprint(i)))
	}
	must(t, os.Remove(ballast))
	must(t, put(s, "after", 100))
	must(t, check(s, "after"))
}

// TestAFullDiskIsTriedAgain goes on with the same draft once there is room.
func TestAFullDiskIsTriedAgain(t *testing.T) {
	mount := small(t, 0, "256k")
	ballast := filepath.Join(mount, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 160<<10), 0o600))
	s := opened(t, filepath.Join(mount, "store"), Options{})
	d, err := s.Create(keyOf("a"))
	must(t, err)
	w, err := d.Table(schema)
	must(t, err)
	full := errors.Join(d.State(make([]byte, 128<<10)), w.Append(batchOf("a", 20000)))
	if !isFull(full) || w.Len() != 0 {
		t.Fatalf("error %v", full)
	}
	must(t, os.Remove(ballast))
	must(t, d.State(stateOf("a")))
	must(t, w.Append(batchOf("a", 10)))
	must(t, d.Commit(Info{Ingredients: named("a"), Outcome: []byte(`"a"`)}))
	must(t, check(s, "a"))
}

func TestAReadOnlyDisk(t *testing.T) {
	dir := small(t, unix.MS_RDONLY, "64k")
	if _, err := Open(filepath.Join(dir, "store"), Options{}); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("error %v", err)
	}
}
