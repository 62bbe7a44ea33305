// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// mounted is a file system in memory of so many bytes.
func mounted(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a file system needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// noise is text that does not compress.
func noise(n int) string {
	r := rand.NewChaCha8([32]byte{})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return string(b)
}

func TestAFullDisk(t *testing.T) {
	s := Open(filepath.Join(mounted(t, "1m"), "bulkhead"))
	small, large := newPlugin(t, "#!run", nil), newPlugin(t, noise(2<<20), nil)
	add(t, s, small)
	sc := scopeOf(t, s, t.TempDir())
	doSwitch(t, sc, locking(release.Host(), small))
	if _, err := s.Add(t.Context(), large.Archive, large.Platform); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	equal(t, "staging", listed(t, s, stagingDir), nil)
	fill(t, s.root)
	if _, err := sc.Switch(t.Context(), nil, elsewhere("next"), ""); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	f, n, err := sc.Current()
	if err != nil || n != 1 || encoded(t, f) != encoded(t, locking(release.Host(), small)) {
		t.Error(n, err)
	}
	must(t, s.Verify(t.Context(), small.Platform.H1))
	must(t, s.Quick(small.Platform.H1))
	must(t, os.Remove(filepath.Join(s.root, "fill")))
	doSwitch(t, sc, elsewhere("next"))
}

// fill leaves no room.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	must(t, err)
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close() // it is full
}

// TestAReadOnlyHome has a store that this user, be he root, cannot write to.
func TestAReadOnlyHome(t *testing.T) {
	home := mounted(t, "4m")
	s, p := Open(filepath.Join(home, "bulkhead")), newPlugin(t, "#!run", nil)
	add(t, s, p)
	sc := scopeOf(t, s, t.TempDir())
	doSwitch(t, sc, locking(release.Host(), p))
	name, err := entryName(p.Platform.H1)
	must(t, err)
	must(t, os.Remove(s.path(verdictDir, name)))
	must(t, syscall.Mount("", home, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))

	must(t, s.Quick(p.Platform.H1))
	must(t, s.Verify(t.Context(), p.Platform.H1))
	l, err := s.Lease(t.Context(), p.Platform.H1)
	must(t, err)
	must(t, l.Release())
	if _, n, err := sc.Current(); n != 1 || err != nil {
		t.Error(n, err)
	}
	must(t, os.WriteFile(sc.Lock(), []byte(encoded(t, elsewhere("found"))), 0o644))
	if f, n, err := sc.Current(); n != 0 || err != nil || encoded(t, f) != encoded(t, elsewhere("found")) {
		t.Error(n, err)
	}
	if _, err := sc.Switch(t.Context(), nil, elsewhere("next"), ""); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
	if _, err := s.Add(t.Context(), p.Archive, p.Platform); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
}

// TestVerdictsAcrossCopies copies a store to another file system, as backups do.
func TestVerdictsAcrossCopies(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	add(t, s, p)
	root := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(root, os.DirFS(s.root)))
	t.Cleanup(func() { _ = archive.Remove(root) })
	other := Open(root)
	other.now = func() time.Time { return time.Now().Add(time.Minute) }
	name, err := entryName(p.Platform.H1)
	must(t, err)
	if v := other.loadVerdict(name); v == nil || v.holds(other.entry(name)) {
		t.Error("the verdict of other files counts")
	}
	must(t, other.Quick(p.Platform.H1))
	if v := other.loadVerdict(name); v == nil || !v.holds(other.entry(name)) {
		t.Error("the files were hashed, and there is no verdict")
	}
}
