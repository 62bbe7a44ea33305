// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// manifestOf is the path of a manifest.
func manifestOf(s *Store, name string) string { return filepath.Join(s.Dir(), entryName(keyOf(name))) }

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[(at+len(b))%len(b)] ^= 0x10
		return b
	}
}

func cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

// TestDamageIsMissing spoils an artifact in ways that Get sees: it says so, and
// the step can be run again.
func TestDamageIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		suffix string // of the file; "" for the manifest
		change func([]byte) []byte
		note   string
	}{
		"manifest: no bytes":       {"", func([]byte) []byte { return nil }, "no manifest"},
		"manifest: a byte":         {"", flip(-5), "digest"},
		"manifest: its digest":     {"", flip(30), "digest"},
		"manifest: its form":       {"", flip(3), "no manifest"},
		"manifest: its end":        {"", cut(1), "digest"},
		"manifest: huge":           {"", func(b []byte) []byte { return append(b, make([]byte, maxManifest)...) }, "more than"},
		"state: its end":           {stateSuffix, cut(1), "bytes, and had"},
		"state: a byte more":       {stateSuffix, func(b []byte) []byte { return append(b, 0) }, "bytes, and had"},
		"table: its end":           {tableSuffix, cut(1), "bytes, and had"},
		"table: its trailer":       {tableSuffix, flip(-60), "checksum"},
		"table: its header":        {tableSuffix, flip(9), "header"},
		"table: another one":       {tableSuffix, nil, "another table"},
		"table: zeros of its size": {tableSuffix, func(b []byte) []byte { return make([]byte, len(b)) }, "trailer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, t.TempDir(), Options{})
			must(t, put(s, "a", 10))
			file := manifestOf(s, "a")
			if c.suffix != "" {
				file = dataOf(t, s, "a", c.suffix)
			}
			if c.change == nil {
				c.change = anotherTable(t, s)
			}
			spoil(t, file, c.change)
			wantMissing(t, s, c.note)
			_, err := s.Sweep(now())
			must(t, err)
			must(t, put(s, "a", 10))
			must(t, check(s, "a"))
		})
	}
}

// anotherTable gives a whole table of the same size.
func anotherTable(t *testing.T, s *Store) func([]byte) []byte {
	must(t, put(s, "b", 10))
	data, err := os.ReadFile(dataOf(t, s, "b", tableSuffix))
	must(t, err)
	must(t, s.Remove(keyOf("b")))
	return func([]byte) []byte { return data }
}

func wantMissing(t *testing.T, s *Store, note string) {
	t.Helper()
	_, err := s.Get(keyOf("a"))
	e, ok := errors.AsType[*MissingError](err)
	if !ok || !errors.Is(err, ErrMissing) || !strings.Contains(e.Note, note) || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("error %v, want %q", err, note)
	}
	if _, err := s.Get(keyOf("a")); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	} else if e, _ := errors.AsType[*MissingError](err); e.Note != "" {
		t.Errorf("it is still there: %v", err)
	}
}

func TestLostDataAreMissing(t *testing.T) {
	for _, suffix := range []string{stateSuffix, tableSuffix} {
		s := opened(t, t.TempDir(), Options{})
		must(t, put(s, "a", 10))
		must(t, os.Remove(dataOf(t, s, "a", suffix)))
		wantMissing(t, s, "gone")
		wantFiles(t, s.Dir(), 0)
	}
}

// TestManifestsUnderAnotherKey do not answer for it.
func TestManifestsUnderAnotherKey(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	must(t, put(s, "b", 10))
	must(t, os.Rename(manifestOf(s, "b"), manifestOf(s, "a")))
	wantMissing(t, s, "it is that of")
}

// TestDamageIsSeenByReaders spoils what Get does not read.
func TestDamageIsSeenByReaders(t *testing.T) {
	for name, c := range map[string]struct {
		suffix string
		at     int
		typed  func(error) bool
	}{
		"state": {stateSuffix, 17, isDamage},
		"batch": {tableSuffix, 700, func(err error) bool { _, ok := errors.AsType[*tablefile.DamageError](err); return ok }},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, t.TempDir(), Options{})
			must(t, put(s, "a", 10))
			spoil(t, dataOf(t, s, "a", c.suffix), flip(c.at))
			if err := check(s, "a"); err == nil || !c.typed(err) || !strings.Contains(err.Error(), c.suffix) {
				t.Errorf("error %v", err)
			}
			if err := check(s, "a"); !errors.Is(err, ErrMissing) {
				t.Errorf("it is still there: %v", err)
			}
			wantFiles(t, s.Dir(), 0)
		})
	}
}

// TestDamageDoesNotTakeTheNext removes a damaged artifact whose key another host
// has made anew meanwhile.
func TestDamageDoesNotTakeTheNext(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	must(t, put(s, "a", 10))
	a, err := s.Get(keyOf("a"))
	must(t, err)
	spoil(t, dataOf(t, s, "a", stateSuffix), flip(17))
	if _, err := a.State(); !isDamage(err) {
		t.Errorf("error %v", err)
	}
	must(t, os.Remove(manifestOf(s, "a")))
	must(t, put(s, "a", 10))
	a.Close()
	must(t, check(s, "a"))
}

// TestCommitReplacesDamage makes an artifact anew whose data were lost, although
// nobody asked for it.
func TestCommitReplacesDamage(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	must(t, put(s, "a", 10))
	must(t, os.Remove(dataOf(t, s, "a", tableSuffix)))
	must(t, put(s, "a", 10))
	must(t, check(s, "a"))
	spoil(t, manifestOf(s, "a"), func(b []byte) []byte { return bytes.ToUpper(b) })
	must(t, put(s, "a", 10))
	must(t, check(s, "a"))
}

func TestSweepRemovesDamage(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	for _, name := range []string{"a", "b", "c"} {
		must(t, put(s, name, 10))
	}
	spoil(t, manifestOf(s, "a"), cut(1))
	must(t, os.Remove(dataOf(t, s, "b", stateSuffix)))
	got, err := s.Sweep(now())
	must(t, err)
	if got.Damaged != 2 || got.Left != 1 || got.Freed == 0 {
		t.Errorf("swept %+v", got)
	}
	must(t, check(s, "c"))
	wantFiles(t, s.Dir(), 1)
}

// TestFilesOfOthers are not touched.
func TestFilesOfOthers(t *testing.T) {
	s := opened(t, t.TempDir(), Options{MaxBytes: 1, TTL: 1})
	for _, name := range []string{"entries/notes.txt", "entries/.json", "data/thesis.tex", "data/x.state", "drafts/README", "other"} {
		must(t, os.WriteFile(filepath.Join(s.Dir(), name), []byte("x"), 0o600))
	}
	got, err := s.Sweep(now())
	must(t, err)
	if got != (Swept{}) || len(filesIn(t, s.Dir())) != 5 {
		t.Errorf("swept %+v, left %v", got, filesIn(t, s.Dir()))
	}
	if len(s.List()) != 0 {
		t.Errorf("list %v", s.List())
	}
}
