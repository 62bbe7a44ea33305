// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func now() time.Time { return time.Now() }

// sizeOf is what an artifact of the tests takes on disk.
func sizeOf(t *testing.T, s *Store, name string) int64 {
	t.Helper()
	m, err := s.load(keyOf(name))
	must(t, err)
	return found{manifest: m}.size()
}

// left are the names of the artifacts that are there.
func left(t *testing.T, s *Store, names ...string) string {
	t.Helper()
	var out []string
	for _, name := range names {
		m, err := s.load(keyOf(name))
		if err == nil && m != nil {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

func TestTimeToLive(t *testing.T) {
	s := opened(t, t.TempDir(), Options{TTL: time.Hour})
	for _, name := range []string{"a", "b", "c", "d"} {
		must(t, put(s, name, 10))
		used(t, s, name, 2*time.Hour)
	}
	must(t, check(s, "b")) // is used
	used(t, s, "d", -24*time.Hour)
	pinned, err := s.Get(keyOf("c"))
	must(t, err)
	used(t, s, "c", 2*time.Hour)
	got, err := s.Sweep(now())
	must(t, err)
	if got.Expired != 1 || got.Pinned != 1 || got.Left != 3 || got.Freed == 0 || left(t, s, "a", "b", "c", "d") != "b c d" {
		t.Errorf("swept %+v, left %s", got, left(t, s, "a", "b", "c", "d"))
	}
	pinned.Close()
	got, err = s.Sweep(now())
	must(t, err)
	if got.Expired != 1 || got.Pinned != 0 {
		t.Errorf("swept %+v", got)
	}
	wantFiles(t, s.Dir(), 2)
}

// TestLeastRecentlyUsed makes room for what is committed, by what was not used
// for longest.
func TestLeastRecentlyUsed(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	names := []string{"a", "b", "c"}
	for i, name := range names {
		must(t, put(s, name, 10))
		used(t, s, name, time.Duration(10-i)*time.Minute)
	}
	size := sizeOf(t, s, "a")
	bounded := opened(t, dir, Options{MaxBytes: 3*size + size/2})
	must(t, check(bounded, "a"))
	must(t, put(bounded, "d", 10))
	if got := left(t, s, "a", "b", "c", "d"); got != "a c d" {
		t.Errorf("left %s", got)
	}
	small := opened(t, dir, Options{MaxBytes: size + size/2})
	got, err := small.Sweep(now())
	must(t, err)
	// The times in a manifest differ by a few bytes.
	if got.Evicted != 2 || got.Left != 1 || got.LeftBytes != sizeOf(t, s, "d") || got.Freed < 2*size-20 || got.Freed > 2*size+20 || left(t, s, "a", "c", "d") != "d" {
		t.Errorf("swept %+v, left %s; an artifact has %d bytes", got, left(t, s, "a", "c", "d"), size)
	}
	wantFiles(t, dir, 1)
}

// TestNoRoom refuses what does not fit, and leaves what is there.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	must(t, put(s, "a", 10))
	size := sizeOf(t, s, "a")
	bounded := opened(t, dir, Options{MaxBytes: size + size/2})
	err := put(bounded, "big", 10000)
	if !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "more bytes") {
		t.Errorf("error %v", err)
	}
	must(t, check(s, "a"))
	pinned, err := s.Get(keyOf("a"))
	must(t, err)
	if err := put(bounded, "b", 10); !errors.Is(err, ErrNoRoom) {
		t.Errorf("error %v", err)
	}
	must(t, check(s, "a"))
	wantFiles(t, dir, 1)
	pinned.Close()
	must(t, put(bounded, "b", 10))
	if got := left(t, s, "a", "b"); got != "b" {
		t.Errorf("left %s", got)
	}
}

// TestTheSizeIsABound holds at every instant, whatever is committed.
func TestTheSizeIsABound(t *testing.T) {
	dir := t.TempDir()
	const limit = 40_000
	s := opened(t, dir, Options{MaxBytes: limit})
	for i := range 40 {
		must(t, put(s, fmt.Sprint(i), 1+i*13%100))
		var total int64
		for _, name := range filesIn(t, dir) {
			info, err := os.Stat(name)
			must(t, err)
			total += info.Size()
		}
		if total > limit {
			t.Errorf("%d bytes after %d artifacts", total, i+1)
		}
	}
	if n := len(s.List()); n < 3 {
		t.Errorf("only %d are left", n)
	}
}

// TestLivingDraftsStay sweeps while drafts are made.
func TestLivingDraftsStay(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{MaxBytes: 1 << 20, TTL: time.Nanosecond})
	d, err := s.Create(keyOf("a"))
	must(t, err)
	must(t, d.State(stateOf("a")))
	w, err := d.Table(schema)
	must(t, err)
	for range 2 {
		got, err := opened(t, dir, Options{MaxBytes: 1, TTL: time.Nanosecond}).Sweep(now().Add(time.Hour))
		must(t, err)
		if got != (Swept{}) {
			t.Errorf("swept %+v", got)
		}
		must(t, w.Append(batchOf("a", 10)))
	}
	must(t, d.Commit(Info{Ingredients: named("a"), Outcome: []byte(`"a"`)}))
	must(t, check(s, "a"))
}

// TestDeadDraftsGoWithoutASweep before a host makes its first artifact.
func TestDeadDraftsGoWithoutASweep(t *testing.T) {
	dir := t.TempDir()
	steps := stepsOf(t)
	h := host{Dir: dir, Options: before(t, dir), DieAt: slices.Index(steps, "syncing the table")}
	if err := h.start(t).Wait(); err == nil {
		t.Fatal("the host did not die")
	}
	if got := filesIn(t, dir); len(got) != 3*3+3 {
		t.Errorf("files %v", got)
	}
	s := opened(t, dir, Options{})
	must(t, put(s, "a", 1))
	wantFiles(t, dir, 4)
}

// TestOrphans are data files that no manifest and no draft has.
func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	must(t, put(s, "a", 10))
	id := strings.Repeat("A", idLength)
	must(t, os.WriteFile(filepath.Join(dir, stateName(id)), make([]byte, 100), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, tableName(id)), make([]byte, 10), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, draftName(id)), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, stateName(strings.Repeat("B", idLength))), make([]byte, 7), 0o600))
	got, err := s.Sweep(now())
	must(t, err)
	if got.Drafts != 1 || got.Orphans != 1 || got.Freed != 117 || got.Left != 1 {
		t.Errorf("swept %+v", got)
	}
	wantFiles(t, dir, 1)
	must(t, check(s, "a"))
}
