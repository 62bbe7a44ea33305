// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// life is what the tests of failures do to a store: an artifact is made, which
// evicts another; one is removed, and the rest swept.
func life(s *Store) error {
	errs := []error{put(s, "new", 10), s.Remove(keyOf("gone"))}
	_, err := s.Sweep(time.Now())
	return errors.Join(append(errs, err)...)
}

// before is a store with what a life needs: three artifacts, and a bound so that
// a new one takes the place of one.
func before(t testing.TB, dir string) Options {
	t.Helper()
	s := opened(t, dir, Options{})
	for i, name := range []string{"old", "gone", "kept"} {
		must(t, put(s, name, 10))
		then := time.Now().Add(time.Duration(i-10) * time.Minute)
		must(t, s.root.Chtimes(entryName(keyOf(name)), then, then))
	}
	m, err := s.load(keyOf("kept"))
	must(t, err)
	return Options{MaxBytes: 7 * found{manifest: m}.size() / 2}
}

// stepsOf lists the failpoints that a life passes, in order.
func stepsOf(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	s := opened(t, dir, before(t, dir))
	var out []string
	s.fail = func(step string) error {
		out = append(out, step)
		return nil
	}
	must(t, life(s))
	return out
}

// TestSteps keeps the steps before which a host can die complete.
func TestSteps(t *testing.T) {
	seen := stepsOf(t)
	for _, want := range []string{
		"locking", "making a draft", "writing the state", "syncing the state", "making the table", "syncing the table",
		"syncing the names of the data", "writing the manifest", "syncing the manifest", "making room", "placing",
		"syncing the names of the entries", "removing a manifest", "removing data",
	} {
		if !slices.Contains(seen, want) {
			t.Errorf("no life passes %q", want)
		}
	}
	if len(seen) < 20 {
		t.Errorf("steps %q", seen)
	}
}

// consistent wants every artifact whole or missing, and after one sweep not a
// file too many.
func consistent(t *testing.T, dir string) {
	t.Helper()
	s := opened(t, dir, Options{})
	must(t, check(s, "kept"))
	for _, name := range []string{"old", "gone", "new"} {
		if err := check(s, name); err != nil && !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.Sweep(time.Now())
	must(t, err)
	wantFiles(t, dir, len(s.List()))
	must(t, put(s, "new", 10))
	must(t, check(s, "new"))
}

// TestFailuresAtEveryStep has each step fail once, and again with all after it.
func TestFailuresAtEveryStep(t *testing.T) {
	broken := errors.New("broken")
	for i, step := range stepsOf(t) {
		for _, once := range []bool{true, false} {
			dir := t.TempDir()
			s := opened(t, dir, before(t, dir))
			n := -1
			s.fail = func(string) error {
				if n++; n == i || n > i && !once {
					return broken
				}
				return nil
			}
			err := life(s)
			if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, broken) || e.Dir != s.Dir() {
				t.Errorf("%d, %s: error %v", i, step, err)
			}
			consistent(t, dir)
		}
	}
}
