// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// failAt fails at one step, counted from 0, and notes those that are passed.
func failAt(n int, passed *[]string) durable.Fail {
	return func(step string) error {
		*passed = append(*passed, step)
		if len(*passed) == n+1 {
			return errors.New("failed at: " + step)
		}
		return nil
	}
}

// TestASwitchThatFailsSomewhere fails at each step in turn in one process, which
// goes on afterwards. The lock file is the old one or, from its rename on, the new
// one, which is no failure then, and no unfinished file stays beside it.
func TestASwitchThatFailsSomewhere(t *testing.T) {
	for n := 0; ; n++ {
		project := t.TempDir()
		s := newStore(t)
		sc := scopeOf(t, s, project)
		doSwitch(t, sc, elsewhere("old"))
		var passed []string
		s.Fail = failAt(n, &passed)
		_, err := sc.Switch(t.Context(), nil, elsewhere("new"), "")
		s.Fail = nil
		if len(passed) <= n {
			must(t, err)
			inOrder(t, passed, StepGeneration, StepRecord, StepPointer, durable.StepRename, StepDone)
			return
		}
		done := slices.Contains(passed, StepDone)
		if (err == nil) != done {
			t.Errorf("step %d (%s) fails, and the switch says %v", n, passed[n], err)
		}
		f, _, err := sc.Current()
		must(t, err)
		want := "old"
		if done || passed[n] == durable.StepDir && slices.Contains(passed, StepPointer) {
			want = "new"
		}
		if encoded(t, f) != encoded(t, elsewhere(want)) {
			t.Errorf("step %d (%s): the lock file is not the %s one", n, passed[n], want)
		}
		if list, err := os.ReadDir(project); err != nil || len(list) != 1 {
			t.Errorf("step %d (%s): %v, %v", n, passed[n], list, err)
		}
		doSwitch(t, sc, elsewhere("new"))
		if g, err := sc.Generations(); err != nil || len(g) != 2 {
			t.Errorf("step %d (%s): %+v, %v", n, passed[n], g, err)
		}
	}
}

// inOrder wants steps to be passed one after the other.
func inOrder(t *testing.T, passed []string, want ...string) {
	t.Helper()
	for _, step := range passed {
		if len(want) > 0 && step == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("%q is not passed in order: %q", want[0], passed)
	}
}

// TestACollectionThatFailsSomewhere fails at each step in turn. What is used stays,
// and another collection finishes the work.
func TestACollectionThatFailsSomewhere(t *testing.T) {
	used, lost := newPlugin(t, "#!1", nil), newPlugin(t, "#!2", nil)
	for n := 0; ; n++ {
		s := newStore(t)
		add(t, s, used)
		add(t, s, lost)
		sc := scopeOf(t, s, t.TempDir())
		doSwitch(t, sc, elsewhere("old"))
		doSwitch(t, sc, locking(release.Host(), used))
		later(s, 2*time.Hour)
		var passed []string
		s.Fail = failAt(n, &passed)
		_, err := s.GC(t.Context(), 1, false)
		s.Fail = nil
		if len(passed) <= n {
			must(t, err)
			inOrder(t, passed, StepDropRecord, StepDropText, StepTrash, durable.StepRename, StepDelete)
			return
		}
		if err == nil {
			t.Errorf("step %d (%s) fails, and the collection does not say so", n, passed[n])
		}
		must(t, s.Verify(t.Context(), used.Platform.H1))
		collect(t, s, 1, false)
		g, err := sc.Generations()
		if err != nil || len(g) != 1 || has(s, lost) || !has(s, used) || len(listed(t, s, stagingDir)) != 0 {
			t.Errorf("step %d (%s): %+v, %v, %v", n, passed[n], g, listed(t, s, stagingDir), err)
		}
	}
}

func TestDefaultRoot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BULKHEAD_DATA_DIR", dir)
	if got, err := DefaultRoot(); got != dir || err != nil || Open(got).Root() != dir {
		t.Error(got, err)
	}
	t.Setenv("BULKHEAD_DATA_DIR", "relative")
	if _, err := DefaultRoot(); err == nil {
		t.Error("a relative path is a store")
	}
	if runtime.GOOS == "windows" {
		return
	}
	t.Setenv("BULKHEAD_DATA_DIR", "")
	t.Setenv("XDG_DATA_HOME", dir)
	if got, err := DefaultRoot(); got != filepath.Join(dir, "bulkhead") || err != nil {
		t.Error(got, err)
	}
}

func TestReportsAsJSON(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	data, err := json.Marshal(collect(t, s, 0, true))
	if err != nil || string(data) != `{"dry":true,"removed":[],"kept":[],"bytes":0}` {
		t.Errorf("%s, %v", data, err)
	}
	add(t, s, p)
	data, err = json.Marshal(collect(t, s, 0, true))
	if err != nil || !strings.Contains(string(data), `"kind":"plugin"`) || !strings.Contains(string(data), `"name":"scaler 1.2.0"`) {
		t.Errorf("%s, %v", data, err)
	}
}

// TestWaitingEnds waits for a lock that another one holds until its context ends.
func TestWaitingEnds(t *testing.T) {
	s := newStore(t)
	sc := scopeOf(t, s, "")
	doSwitch(t, sc, elsewhere("1"))
	l, err := s.lockStore(t.Context())
	must(t, err)
	for what, do := range map[string]func(context.Context) error{
		"Switch":   func(ctx context.Context) error { _, err := sc.Switch(ctx, nil, elsewhere("2"), ""); return err },
		"Rollback": func(ctx context.Context) error { _, err := sc.Rollback(ctx, 1); return err },
		"Pin":      func(ctx context.Context) error { return sc.Pin(ctx, 1, true) },
		"GC":       func(ctx context.Context) error { _, err := s.GC(ctx, 0, false); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another bulkhead") {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
	}
	must(t, l.Release())
	doSwitch(t, sc, elsewhere("2"))
}

// BenchmarkLease measures taking a lease and giving it back.
func BenchmarkLease(b *testing.B) {
	s, p := newStore(b), newPlugin(b, "#!run", nil)
	add(b, s, p)
	for b.Loop() {
		l, err := s.Lease(b.Context(), p.Platform.H1)
		must(b, err)
		must(b, l.Release())
	}
}

// BenchmarkCurrent measures reading the lock file of a project with ten
// generations, as every start does.
func BenchmarkCurrent(b *testing.B) {
	sc := scopeOf(b, newStore(b), b.TempDir())
	for i := range 10 {
		doSwitch(b, sc, elsewhere(strings.Repeat("x", i)))
	}
	for b.Loop() {
		_, _, err := sc.Current()
		must(b, err)
	}
}
