// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

func TestScopes(t *testing.T) {
	s, project := newStore(t), t.TempDir()
	user, a := scopeOf(t, s, ""), scopeOf(t, s, project)
	if user.Lock() != s.path("user.lock.hcl") || user.Project() != "" {
		t.Error(user.Lock())
	}
	real, err := filepath.EvalSymlinks(project)
	must(t, err)
	if a.Project() != real || a.Lock() != filepath.Join(real, "bulkhead.lock.hcl") {
		t.Error(a.Project(), a.Lock())
	}
	if runtime.GOOS != "windows" {
		link := filepath.Join(t.TempDir(), "link")
		must(t, os.Symlink(project, link))
		if b := scopeOf(t, s, link); b.id != a.id {
			t.Error("a link to a project is another scope")
		}
	}
	t.Chdir(project)
	if b := scopeOf(t, s, "."); b.id != a.id {
		t.Error("a relative path is another scope")
	}
	if other := scopeOf(t, s, t.TempDir()); other.id == a.id || other.id == user.id {
		t.Error("two projects are one scope")
	}
	if _, err := s.Scope(filepath.Join(project, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	file := filepath.Join(project, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	if _, err := s.Scope(file); err == nil {
		t.Error("a file is a project")
	}
	if _, err := os.Stat(s.root); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking at scopes writes", err)
	}
}

func TestSwitch(t *testing.T) {
	for _, project := range []string{"", t.TempDir()} {
		s := newStore(t)
		sc := scopeOf(t, s, project)
		f, n, err := sc.Current()
		if err != nil || n != 0 || len(f.Plugins) != 0 {
			t.Fatal(f, n, err)
		}
		for want := 1; want <= 3; want++ {
			next := elsewhere(fmt.Sprint(want))
			n, err := sc.Switch(t.Context(), f, next, fmt.Sprintf("reason %d", want))
			if n != want || err != nil {
				t.Fatal(n, err)
			}
			if f, n, err = sc.Current(); n != want || err != nil || encoded(t, f) != encoded(t, next) {
				t.Fatal(n, err)
			}
		}
		if n, err := sc.Switch(t.Context(), f, f, "again"); n != 3 || err != nil {
			t.Error("switching to what is current makes a generation", n, err)
		}
		generations, err := sc.Generations()
		must(t, err)
		for i, g := range generations {
			if g.Number != i+1 || g.Why != fmt.Sprintf("reason %d", i+1) || g.Current != (i == 2) || g.Found || g.Pinned || g.At.IsZero() {
				t.Errorf("%+v", g)
			}
		}
		old, err := sc.Generation(2)
		if err != nil || encoded(t, old) != encoded(t, elsewhere("2")) {
			t.Error(err)
		}
	}
}

func TestSwitchNoticesOthers(t *testing.T) {
	sc := scopeOf(t, newStore(t), t.TempDir())
	base, _, err := sc.Current()
	must(t, err)
	doSwitch(t, sc, elsewhere("other"))
	_, err = sc.Switch(t.Context(), base, elsewhere("mine"), "")
	if e, ok := errors.AsType[*ChangedError](err); !ok || e.Lock != sc.Lock() {
		t.Error(err)
	}
	base, n, err := sc.Current()
	if err != nil || n != 1 || encoded(t, base) != encoded(t, elsewhere("other")) {
		t.Error(n, err)
	}
	// A comment is no change, and no lock file is one.
	text, err := os.ReadFile(sc.Lock())
	must(t, err)
	must(t, os.WriteFile(sc.Lock(), append(text, "# a note\n"...), 0o644))
	if _, err := sc.Switch(t.Context(), base, elsewhere("mine"), ""); err != nil {
		t.Error(err)
	}
	base, _, err = sc.Current()
	must(t, err)
	must(t, os.Remove(sc.Lock()))
	_, err = sc.Switch(t.Context(), base, elsewhere("third"), "")
	if _, ok := errors.AsType[*ChangedError](err); !ok {
		t.Error(err)
	}
}

func TestSwitchByManyHosts(t *testing.T) {
	s, project := newStore(t), t.TempDir()
	var tasks []task
	for i := range 6 {
		tasks = append(tasks, task{Do: "join", Root: s.root, Project: project, ID: fmt.Sprintf("acme/n%d", i)})
	}
	together(t, tasks...)
	sc := scopeOf(t, s, project)
	f, n, err := sc.Current()
	if err != nil || n != 6 || len(f.Plugins) != 6 {
		t.Errorf("generation %d has %d plugins, %v", n, len(f.Plugins), err)
	}
}

func TestSwitchWantsWhatItUses(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	sc := scopeOf(t, s, "")
	for _, platform := range []string{release.Host(), release.Any} {
		next := locking(platform, p, imagined("x"))
		_, err := sc.Switch(t.Context(), nil, next, "")
		e, ok := errors.AsType[*MissingError](err)
		if !ok || !slices.Contains(e.H1s, p.Platform.H1) || len(e.H1s) != 2 ||
			!strings.Contains(err.Error(), "acme/p0@1.2.0") || !strings.Contains(err.Error(), "bulkhead init") {
			t.Error(err)
		}
	}
	if _, err := os.Stat(sc.Lock()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a lock file was written", err)
	}
	add(t, s, p)
	doSwitch(t, sc, locking(release.Host(), p))
	// What was locked before by somebody else need not be here yet.
	must(t, os.WriteFile(sc.Lock(), []byte(encoded(t, locking(release.Host(), p, imagined("x")))), 0o600))
	pinned := locking(release.Host(), p, imagined("x"))
	pinned.Plugins[0].Pinned = true
	doSwitch(t, sc, pinned)
}

// TestRollbackPassesWhatLocksTheSame: after somebody has added a comment, undoing
// still undoes the switch before.
func TestRollbackPassesWhatLocksTheSame(t *testing.T) {
	s := newStore(t)
	sc := scopeOf(t, s, t.TempDir())
	doSwitch(t, sc, elsewhere("1"))
	doSwitch(t, sc, elsewhere("2"))
	must(t, os.WriteFile(sc.Lock(), []byte("# mine\n"+encoded(t, elsewhere("2"))), 0o600))
	if old, err := sc.Generation(0); err != nil || encoded(t, old) != encoded(t, elsewhere("1")) {
		t.Errorf("the one before is %+v, %v", old, err)
	}
	if n, err := sc.Rollback(t.Context(), 0); n != 4 || err != nil {
		t.Errorf("generation %d, %v", n, err)
	}
	if f, _, err := sc.Current(); err != nil || encoded(t, f) != encoded(t, elsewhere("1")) {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestRollback(t *testing.T) {
	sc := scopeOf(t, newStore(t), t.TempDir())
	_, err := sc.Rollback(t.Context(), 0)
	if e, ok := errors.AsType[*NoGenerationError](err); !ok || e.Number != 0 {
		t.Error(err)
	}
	for i := 1; i <= 4; i++ {
		doSwitch(t, sc, elsewhere(fmt.Sprint(i)))
	}
	steps := []struct {
		to, number int
		text       string
	}{{2, 5, "2"}, {0, 6, "1"}, {4, 7, "4"}, {0, 8, "3"}, {0, 9, "2"}, {9, 9, "2"}, {2, 9, "2"}}
	for _, step := range steps {
		n, err := sc.Rollback(t.Context(), step.to)
		if n != step.number || err != nil {
			t.Fatalf("to %d: %d, %v", step.to, n, err)
		}
		f, n, err := sc.Current()
		if err != nil || n != step.number || encoded(t, f) != encoded(t, elsewhere(step.text)) {
			t.Errorf("to %d: %d, %v", step.to, n, err)
		}
	}
	generations, err := sc.Generations()
	must(t, err)
	if g := generations[4]; g.Of != 2 || g.Why != "rollback to generation 2" {
		t.Errorf("%+v", g)
	}
	_, err = sc.Rollback(t.Context(), 77)
	if e, ok := errors.AsType[*NoGenerationError](err); !ok || e.Number != 77 {
		t.Error(err)
	}
	must(t, os.WriteFile(sc.textPath(1), []byte("version = 1\n"), 0o600))
	if _, err := sc.Rollback(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Error(err)
	}
}

// TestLockFilesFromElsewhere has files that an editor or git brought.
func TestLockFilesFromElsewhere(t *testing.T) {
	sc := scopeOf(t, newStore(t), t.TempDir())
	doSwitch(t, sc, elsewhere("ours"))
	theirs := encoded(t, elsewhere("theirs"))
	must(t, os.WriteFile(sc.Lock(), []byte(theirs), 0o644))
	for range 2 {
		f, n, err := sc.Current()
		if err != nil || n != 2 || encoded(t, f) != theirs {
			t.Fatal(n, err)
		}
	}
	generations, err := sc.Generations()
	must(t, err)
	if g := generations[1]; !g.Found || !g.Current || g.Why != "found" {
		t.Errorf("%+v", g)
	}
	// A file that is not looked at before it is replaced is kept, too.
	must(t, os.WriteFile(sc.Lock(), []byte(encoded(t, elsewhere("more"))), 0o644))
	if n := doSwitch(t, sc, elsewhere("next")); n != 4 {
		t.Error(n)
	}
	f, err := sc.Generation(3)
	if err != nil || encoded(t, f) != encoded(t, elsewhere("more")) {
		t.Error(err)
	}
}

func TestAConflictOfAMerge(t *testing.T) {
	sc := scopeOf(t, newStore(t), t.TempDir())
	base := elsewhere("ours")
	doSwitch(t, sc, base)
	conflict := "<<<<<<< HEAD\n" + encoded(t, base) + "=======\n" + encoded(t, elsewhere("theirs")) + ">>>>>>> branch\n"
	must(t, os.WriteFile(sc.Lock(), []byte(conflict), 0o644))
	_, _, err := sc.Current()
	if e, ok := errors.AsType[*lock.ParseError](err); !ok || e.Problems[0].Line != 1 {
		t.Error(err)
	}
	if _, err := sc.Switch(t.Context(), base, elsewhere("next"), ""); err == nil {
		t.Error("a conflict is overwritten by a plan that did not see it")
	}
	if n := doSwitch(t, sc, elsewhere("next")); n != 3 {
		t.Error("the conflict was not kept", n)
	}
	if _, err := sc.Rollback(t.Context(), 2); err == nil {
		t.Error("a conflict becomes the lock file")
	}
}

func TestTheLockFileIsTheProjects(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes and no links to speak of")
	}
	project := t.TempDir()
	sc := scopeOf(t, newStore(t), project)
	mode := func() fs.FileMode {
		info, err := os.Stat(sc.Lock())
		must(t, err)
		return info.Mode().Perm()
	}
	doSwitch(t, sc, elsewhere("1"))
	if mode() != 0o644 {
		t.Error(mode())
	}
	must(t, os.Chmod(sc.Lock(), 0o664))
	doSwitch(t, sc, elsewhere("2"))
	if mode() != 0o664 {
		t.Error(mode())
	}
	if list, err := os.ReadDir(project); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	target := filepath.Join(t.TempDir(), "target")
	must(t, os.Rename(sc.Lock(), target))
	must(t, os.Symlink(target, sc.Lock()))
	if _, _, err := sc.Current(); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Errorf("a link is followed, or it is not said that it is one: %v", err)
	}
}

func TestPin(t *testing.T) {
	sc := scopeOf(t, newStore(t), "")
	doSwitch(t, sc, elsewhere("1"))
	must(t, sc.Pin(t.Context(), 1, true))
	if g, err := sc.Generations(); err != nil || !g[0].Pinned {
		t.Error(g, err)
	}
	must(t, sc.Pin(t.Context(), 1, false))
	if g, err := sc.Generations(); err != nil || g[0].Pinned {
		t.Error(g, err)
	}
	if _, ok := errors.AsType[*NoGenerationError](sc.Pin(t.Context(), 2, true)); !ok {
		t.Error("what is not there is pinned")
	}
}

// TestUnfinishedFilesAreSwept leaves files of a dead process, and one of somebody
// else.
func TestUnfinishedFilesAreSwept(t *testing.T) {
	project := t.TempDir()
	sc := scopeOf(t, newStore(t), project)
	old := time.Now().Add(-3 * time.Hour)
	left, theirs := filepath.Join(project, ".new-ABCDEFGHIJKLMNOPQRSTUVWXYZ"), filepath.Join(project, ".new-idea")
	for _, name := range []string{left, theirs} {
		must(t, os.WriteFile(name, nil, 0o600))
		must(t, os.Chtimes(name, old, old))
	}
	doSwitch(t, sc, elsewhere("1"))
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file of a dead process stays", err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error("a file of somebody else is gone", err)
	}
}

// TestASwitchThatFailedIsNoGeneration stops before the pointer moves, and after, when it
// has not failed.
func TestASwitchThatFailedIsNoGeneration(t *testing.T) {
	s := newStore(t)
	sc := scopeOf(t, s, t.TempDir())
	doSwitch(t, sc, elsewhere("1"))
	failing := func(step string, fails bool) {
		s.Fail = func(at string) error {
			if at == step {
				return errors.New("stop")
			}
			return nil
		}
		if _, err := sc.Switch(t.Context(), nil, elsewhere("2"), "two"); (err != nil) != fails {
			t.Errorf("%s: %v", step, err)
		}
		s.Fail = nil
	}
	failing(StepPointer, true)
	if g, err := sc.Generations(); err != nil || len(g) != 1 || !g[0].Current {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := sc.Generation(2); err == nil {
		t.Error("a text that never was current is a generation")
	}
	_, err := sc.Rollback(t.Context(), 0)
	if _, ok := errors.AsType[*NoGenerationError](err); !ok {
		t.Error(err)
	}
	if _, err := os.Stat(sc.textPath(2)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("its text stays", err)
	}
	failing(StepDone, false)
	g, err := sc.Generations()
	if err != nil || len(g) != 2 || !g[1].Current || g[1].Why != "two" || g[1].Found {
		t.Errorf("%+v, %v", g, err)
	}
	if n := doSwitch(t, sc, elsewhere("3")); n != 3 {
		t.Error(n)
	}
	if n, err := sc.Rollback(t.Context(), 0); n != 4 || err != nil {
		t.Error(n, err)
	}
}
