// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// TestHostsSideBySide has hosts that install and switch, others that lease and
// verify, and one that collects all that it may, at once. No host may find that
// what it uses is gone.
func TestHostsSideBySide(t *testing.T) {
	s, project := newStore(t), t.TempDir()
	p, q := newPlugin(t, "#!one", nil), newPlugin(t, "#!two", nil)
	next := locking(release.Host(), q)
	text, err := next.Encode()
	must(t, err)
	var tasks []task
	for range 2 {
		tasks = append(tasks,
			task{Do: "work", Root: s.root, Plugin: p},
			task{Do: "install", Root: s.root, Project: project, Plugin: q, Next: string(text)},
			task{Do: "collect", Root: s.root})
	}
	together(t, tasks...)
	if f, _, err := scopeOf(t, s, project).Current(); err != nil || encoded(t, f) != string(text) {
		t.Error(err)
	}
	must(t, s.Verify(t.Context(), q.Platform.H1))
	for range 2 {
		_, err := s.GC(t.Context(), 1, false)
		must(t, err)
	}
	equal(t, "staging", listed(t, s, stagingDir), nil)
}

const stressTime = 2 * time.Second

// work installs a plugin, leases it, and wants it to be there as long as the lease
// holds. Its clock says that every entry is old, so that only leases protect.
func (k task) work(ctx context.Context, s *Store) error {
	for begin := time.Now(); time.Since(begin) < stressTime; {
		if _, err := s.Add(ctx, k.Plugin.Archive, k.Plugin.Platform); err != nil {
			return err
		}
		l, err := s.Lease(ctx, k.Plugin.Platform.H1)
		if _, missing := errors.AsType[*MissingError](err); missing {
			continue // it was collected between the two calls
		}
		if err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
		if err := errors.Join(s.Verify(ctx, k.Plugin.Platform.H1), l.Release()); err != nil {
			return fmt.Errorf("what is leased is not there: %w", err)
		}
	}
	return nil
}

// install switches to a plugin and away again.
func (k task) install(ctx context.Context, s *Store, sc *Scope) error {
	for begin := time.Now(); ; {
		if _, err := s.Add(ctx, k.Plugin.Archive, k.Plugin.Platform); err != nil {
			return err
		}
		err := k.switchTo(ctx, sc)
		_, missing := errors.AsType[*MissingError](err)
		switch {
		case missing:
			continue
		case err != nil:
			return err
		}
		if err := s.Verify(ctx, k.Plugin.Platform.H1); err != nil {
			return fmt.Errorf("what the lock file names is not there: %w", err)
		}
		if time.Since(begin) > stressTime {
			return nil
		}
	}
}

// collect removes whatever is not used, as if an hour had passed.
func (k task) collect(ctx context.Context, s *Store) error {
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	for begin := time.Now(); time.Since(begin) < stressTime; {
		if _, err := s.GC(ctx, 1, false); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// TestEntriesOfOthersAreLeftAlone has files in the store that are no entries.
func TestEntriesOfOthersAreLeftAlone(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	add(t, s, p)
	stray := filepath.Join(s.path(storeDir), "README")
	must(t, os.WriteFile(stray, nil, 0o644))
	installed, err := s.Installed()
	if err != nil || len(installed) != 1 {
		t.Error(installed, err)
	}
	later(s, 2*time.Hour)
	collect(t, s, 0, false)
	if _, err := os.Stat(stray); err != nil {
		t.Error(err)
	}
	name, err := entryName(p.Platform.H1)
	must(t, err)
	must(t, os.WriteFile(s.entry(name), nil, 0o644))
	if _, err := s.Dir(p.Platform.H1); err == nil {
		t.Error("a file is an entry")
	}
	if _, err := s.Repair(t.Context(), p.Archive, p.Platform); err != nil {
		t.Error(err)
	}
	must(t, s.Verify(t.Context(), p.Platform.H1))
}
