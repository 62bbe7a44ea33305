// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

func TestAdd(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	if _, err := s.Dir(p.Platform.H1); !isMissing(err) {
		t.Error(err)
	}
	dir := add(t, s, p)
	if got, err := s.Dir(p.Platform.H1); got != dir || err != nil {
		t.Error(got, err)
	}
	h1, err := archive.HashDir(dir)
	if err != nil || h1 != p.Platform.H1 {
		t.Error(h1, err)
	}
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o555 {
		t.Error(info.Mode(), err)
	}
	if again := add(t, s, p); again != dir {
		t.Error(again)
	}
	installed, err := s.Installed()
	must(t, err)
	equal(t, "installed", installed, []string{h1})
	equal(t, "staging", listed(t, s, stagingDir), nil)
	must(t, s.Verify(t.Context(), h1))
	must(t, s.Quick(h1))
	if _, err := os.Stat(p.Archive); err != nil {
		t.Error("the archive is gone", err)
	}
}

func isMissing(err error) bool {
	_, ok := errors.AsType[*MissingError](err)
	return ok
}

func TestAddComparesWhatWasPromised(t *testing.T) {
	p, other := newPlugin(t, "#!run", nil), newPlugin(t, "#!other", nil)
	tests := map[string]func(*release.Platform){
		"SHA-256":         func(r *release.Platform) { r.Archive = other.Platform.Archive },
		"digest h1":       func(r *release.Platform) { r.H1 = other.Platform.H1 },
		"executable":      func(r *release.Platform) { r.Executable = other.Platform.Executable },
		"number of bytes": func(r *release.Platform) { r.Bytes++ },
	}
	for what, change := range tests {
		s, promised := newStore(t), p.Platform
		change(&promised)
		_, err := s.Add(t.Context(), p.Archive, promised)
		if e, ok := errors.AsType[*MismatchError](err); !ok || e.What != what {
			t.Errorf("%s: %v", what, err)
		}
		equal(t, what, listed(t, s, storeDir), nil)
		equal(t, what, listed(t, s, stagingDir), nil)
	}
	s, promised := newStore(t), p.Platform
	promised.Unpacked--
	if _, err := s.Add(t.Context(), p.Archive, promised); err == nil {
		t.Error("more bytes than promised are unpacked")
	} else if _, ok := errors.AsType[*archive.RefusedError](err); !ok {
		t.Error(err)
	}
	equal(t, "staging", listed(t, s, stagingDir), nil)
	if _, err := s.Add(t.Context(), p.Archive, release.Platform{H1: "h1:../../etc"}); err == nil {
		t.Error("a digest that is none is taken")
	}
	if _, err := s.Add(t.Context(), filepath.Join(t.TempDir(), "none"), p.Platform); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestAddByManyHosts(t *testing.T) {
	s, p := newStore(t), newPlugin(t, strings.Repeat("machine code", 10_000), nil)
	do := task{Do: "add", Root: s.root, Plugin: p}
	together(t, do, do, do, do)
	must(t, s.Verify(t.Context(), p.Platform.H1))
	equal(t, "staging", listed(t, s, stagingDir), nil)
	if got := listed(t, s, storeDir); len(got) != 1 {
		t.Error(got)
	}
}

func TestAddIsCancelled(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	name, err := entryName(p.Platform.H1)
	must(t, err)
	l, err := s.lockEntry(t.Context(), name)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	s.Fail = func(string) error { t.Error("it went on without the lock"); return nil }
	cancel()
	if _, err := s.Add(ctx, p.Archive, p.Platform); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, l.Release())
}

// TestAFailedStepLeavesNothing fails at each step in turn, without the process
// dying.
func TestAFailedStepLeavesNothing(t *testing.T) {
	p, stop := newPlugin(t, "#!run", nil), errors.New("stop")
	for n := 0; ; n++ {
		s, at := newStore(t), 0
		s.Fail = func(string) error {
			at++
			if at == n+1 {
				return stop
			}
			return nil
		}
		_, err := s.Add(t.Context(), p.Archive, p.Platform)
		if at <= n {
			must(t, err)
			if n < 4 {
				t.Errorf("there are %d steps", n)
			}
			return
		}
		equal(t, "staging", listed(t, s, stagingDir), nil)
		s.Fail = nil
		add(t, s, p)
		must(t, s.Verify(t.Context(), p.Platform.H1))
	}
}
