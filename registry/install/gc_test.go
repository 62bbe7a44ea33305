// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
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

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// later moves the store's clock.
func later(s *Store, d time.Duration) {
	s.now = func() time.Time { return time.Now().Add(d) }
}

func collect(t *testing.T, s *Store, keep int, dry bool) Report {
	t.Helper()
	r, err := s.GC(t.Context(), keep, dry)
	must(t, err)
	return r
}

// why is why an entry was kept; empty when it was not.
func (r Report) why(h1 string) string {
	for _, it := range r.Kept {
		if it.H1 == h1 {
			return it.Why
		}
	}
	return ""
}

func (r Report) kinds() []string {
	var out []string
	for _, it := range r.Removed {
		out = append(out, it.Kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func has(s *Store, p plugin) bool {
	_, err := s.Dir(p.Platform.H1)
	return err == nil
}

func TestGCKeepsWhatIsReached(t *testing.T) {
	s := newStore(t)
	used, before, lost, other, upgrading := newPlugin(t, "#!1", nil), newPlugin(t, "#!2", nil), newPlugin(t, "#!3", nil), newPlugin(t, "#!4", nil), newPlugin(t, "#!5", nil)
	for _, p := range []plugin{used, before, lost, other, upgrading} {
		add(t, s, p)
	}
	sc, user := scopeOf(t, s, t.TempDir()), scopeOf(t, s, "")
	doSwitch(t, sc, locking(release.Host(), before))
	doSwitch(t, sc, locking(release.Host(), used))
	doSwitch(t, user, locking("plan9_386", other))
	dir, err := sc.Dir()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "upgrade.json"), []byte(`{"candidate": "`+upgrading.Platform.H1+`"}`), 0o600))
	later(s, 2*time.Hour)

	dry := collect(t, s, 0, true)
	if !dry.Dry || !has(s, lost) || dry.Bytes == 0 {
		t.Errorf("%+v", dry)
	}
	r := collect(t, s, 0, false)
	if len(r.Removed) != 1 || r.Removed[0].H1 != lost.Platform.H1 || r.Removed[0].Name != "scaler 1.2.0" || r.Bytes != lost.Platform.Unpacked || dry.Bytes != r.Bytes {
		t.Errorf("%+v", r)
	}
	for p, want := range map[*plugin]string{&used: "lock file", &before: "generation 1", &other: "user", &upgrading: "upgrade"} {
		if !has(s, *p) || !strings.Contains(r.why(p.Platform.H1), want) {
			t.Errorf("%q is kept because %q", want, r.why(p.Platform.H1))
		}
	}
	if has(s, lost) || len(listed(t, s, stagingDir)) != 0 || len(listed(t, s, verdictDir)) != 4 || len(listed(t, s, lockDir)) != 4 {
		t.Error(listed(t, s, stagingDir), listed(t, s, verdictDir), listed(t, s, lockDir))
	}
	add(t, s, lost)
	must(t, s.Verify(t.Context(), lost.Platform.H1))
}

func TestGCOfNothing(t *testing.T) {
	s := newStore(t)
	if r := collect(t, s, 0, false); len(r.Removed)+len(r.Kept) != 0 {
		t.Error(r)
	}
	if _, err := os.Stat(s.root); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a collection makes a store", err)
	}
	if _, err := s.GC(t.Context(), -1, false); err == nil {
		t.Error("a negative number of generations is kept")
	}
}

func TestGCLeavesWhatIsNew(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	add(t, s, p)
	if r := collect(t, s, 0, false); !strings.Contains(r.why(p.Platform.H1), "last hour") {
		t.Error(r)
	}
	// Somebody who wants it again renews that.
	later(s, 59*time.Minute)
	add(t, s, p)
	later(s, 100*time.Minute)
	collect(t, s, 0, false)
	if !has(s, p) {
		t.Error("an entry that was wanted a moment ago is gone")
	}
	later(s, 3*time.Hour)
	collect(t, s, 0, false)
	if has(s, p) {
		t.Error("an entry that nobody wants stays")
	}
}

func TestGCLeavesWhatIsLeased(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	add(t, s, p)
	later(s, 2*time.Hour)
	here, err := s.Lease(t.Context(), p.Platform.H1)
	must(t, err)
	cmd := task{Do: "lease", Root: s.root, Plugin: p}.command()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := collect(t, s, 0, false); !strings.Contains(r.why(p.Platform.H1), "running") {
			t.Error(r)
		}
		must(t, here.Release()) // the other host still has its lease
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	collect(t, s, 0, false)
	if has(s, p) {
		t.Error("a dead host has a lease")
	}
	if _, err := s.Lease(t.Context(), p.Platform.H1); !isMissing(err) {
		t.Error(err)
	}
	if _, err := s.Lease(t.Context(), "h1:x"); err == nil {
		t.Error("a digest that is none is leased")
	}
}

func TestGCWaitsForNobody(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	add(t, s, p)
	later(s, 2*time.Hour)
	name, err := entryName(p.Platform.H1)
	must(t, err)
	l, err := s.lockEntry(t.Context(), name)
	must(t, err)
	if r := collect(t, s, 0, false); !strings.Contains(r.why(p.Platform.H1), "at work") {
		t.Error(r)
	}
	must(t, l.Release())
}

func TestGCOfGenerations(t *testing.T) {
	s := newStore(t)
	sc := scopeOf(t, s, "")
	for i := 1; i <= 15; i++ {
		doSwitch(t, sc, elsewhere(fmt.Sprint(i)))
	}
	must(t, sc.Pin(t.Context(), 2, true))
	numbers := func() []string {
		list, err := sc.Generations()
		must(t, err)
		var out []string
		for _, g := range list {
			out = append(out, fmt.Sprint(g.Number))
		}
		return out
	}
	collect(t, s, 0, true)
	if got := numbers(); len(got) != 15 {
		t.Error(got)
	}
	r := collect(t, s, 0, false)
	equal(t, "kinds", r.kinds(), []string{KindGeneration})
	equal(t, "ten and the pinned one", numbers(), strings.Fields("2 6 7 8 9 10 11 12 13 14 15"))
	// An old text that is current again is kept, too.
	must(t, os.WriteFile(sc.Lock(), []byte(encoded(t, elsewhere("7"))), 0o600))
	collect(t, s, 2, false)
	equal(t, "two, the pinned and the current one", numbers(), strings.Fields("2 7 14 15"))
	if n := doSwitch(t, sc, elsewhere("next")); n != 16 {
		t.Error(n)
	}
}

// TestGCOfAMerge keeps what a lock file names that cannot be parsed.
func TestGCOfAMerge(t *testing.T) {
	s, ours, theirs := newStore(t), newPlugin(t, "#!1", nil), newPlugin(t, "#!2", nil)
	add(t, s, ours)
	add(t, s, theirs)
	sc := scopeOf(t, s, t.TempDir())
	doSwitch(t, sc, elsewhere("base"))
	must(t, os.WriteFile(sc.Lock(), []byte("<<<<<<<\n"+ours.Platform.H1+"\n=======\n\""+theirs.Platform.H1+"\"\n>>>>>>>\n"), 0o644))
	later(s, 2*time.Hour)
	collect(t, s, 0, false)
	if !has(s, ours) || !has(s, theirs) {
		t.Error("a conflict loses plugins")
	}
}

func TestGCOfAGoneProject(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	add(t, s, p)
	project := filepath.Join(t.TempDir(), "project")
	must(t, os.Mkdir(project, 0o755))
	sc := scopeOf(t, s, project)
	doSwitch(t, sc, locking(release.Host(), p))
	away := project + "-away"
	must(t, os.Rename(project, away))
	const day = 24 * time.Hour
	later(s, day)
	if r := collect(t, s, 0, false); !has(s, p) || !strings.Contains(r.Kept[0].Why+r.Kept[1].Why, "is gone; its generations are kept until") {
		t.Errorf("%+v", r)
	}
	// It comes back, and the time begins anew when it goes again.
	must(t, os.Rename(away, project))
	later(s, 20*day)
	collect(t, s, 0, false)
	must(t, os.Rename(project, away))
	later(s, 21*day)
	collect(t, s, 0, false)
	later(s, 40*day)
	collect(t, s, 0, false)
	if !has(s, p) {
		t.Error("a project that was gone for 19 days lost its plugins")
	}
	later(s, 52*day)
	if r := collect(t, s, 0, true); !slices.Equal(r.kinds(), []string{KindPlugin, KindScope}) {
		t.Error(r.kinds())
	}
	if r := collect(t, s, 0, false); has(s, p) || len(listed(t, s, scopeDir)) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestGCSweepsWhatIsOld(t *testing.T) {
	s, p := newStore(t), newPlugin(t, "#!run", nil)
	dir := add(t, s, p)
	must(t, overwrite(filepath.Join(dir, "LICENSE"), "changed"))
	_, err := s.Repair(t.Context(), p.Archive, p.Platform)
	must(t, err)
	doSwitch(t, scopeOf(t, s, ""), locking(release.Host(), p))
	downloads, err := s.Downloads()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(downloads, "x.partial"), []byte("1234"), 0o600))
	const day = 24 * time.Hour
	later(s, 6*day)
	if r := collect(t, s, 0, false); len(r.Removed) != 0 {
		t.Errorf("%+v", r)
	}
	later(s, 8*day)
	if r := collect(t, s, 0, false); !slices.Equal(r.kinds(), []string{KindDownload}) || r.Bytes != 4 {
		t.Errorf("%+v", r)
	}
	later(s, 31*day)
	if r := collect(t, s, 0, true); !slices.Equal(r.kinds(), []string{KindQuarantine}) || len(listed(t, s, quarantineDir)) != 1 {
		t.Errorf("%+v", r)
	}
	collect(t, s, 0, false)
	equal(t, "quarantine", listed(t, s, quarantineDir), nil)
	must(t, s.Verify(t.Context(), p.Platform.H1))
}

func TestGCOfStaging(t *testing.T) {
	s := newStore(t)
	st, err := s.stage()
	must(t, err)
	must(t, os.Mkdir(st.dir, 0o755))
	dead := s.path(stagingDir, stagePrefix+"dead")
	for _, dir := range []string{dead, s.path(stagingDir, trashPrefix+"x")} {
		must(t, os.MkdirAll(filepath.Join(dir, "lib"), 0o755))
		must(t, os.Chmod(dir, 0o555))
	}
	must(t, os.WriteFile(dead+lockSuffix, nil, 0o600))
	must(t, os.WriteFile(s.path(stagingDir, stagePrefix+"left"+lockSuffix), nil, 0o600))
	collect(t, s, 0, true)
	if got := listed(t, s, stagingDir); len(got) != 6 {
		t.Error(got)
	}
	r := collect(t, s, 0, false)
	equal(t, "kinds", r.kinds(), []string{KindStaging})
	want := []string{filepath.Base(st.dir), filepath.Base(st.dir) + lockSuffix}
	got := slices.DeleteFunc(listed(t, s, stagingDir), func(name string) bool { return name == stagePrefix+"dead"+lockSuffix })
	equal(t, "staging", got, want)
	st.remove()
	collect(t, s, 0, false)
	equal(t, "staging", listed(t, s, stagingDir), nil)
}

// TestGCFailsClosed removes nothing when it cannot tell what is used.
func TestGCFailsClosed(t *testing.T) {
	broken := map[string]func(*testing.T, *Scope){
		"a lock file that is too large": func(t *testing.T, sc *Scope) {
			must(t, os.WriteFile(sc.Lock(), bytes.Repeat([]byte("#\n"), 3<<20), 0o644))
		},
		"a lock file that is a directory": func(t *testing.T, sc *Scope) {
			must(t, os.Remove(sc.Lock()))
			must(t, os.Mkdir(sc.Lock(), 0o755))
		},
		"a damaged scope": func(t *testing.T, sc *Scope) {
			must(t, os.WriteFile(sc.path(scopeFileName), []byte("{"), 0o600))
		},
		"a damaged record": func(t *testing.T, sc *Scope) {
			must(t, os.WriteFile(sc.recordPath(1), []byte("{"), 0o600))
		},
	}
	for what, breakIt := range broken {
		if runtime.GOOS == "windows" && strings.Contains(what, "directory") {
			continue
		}
		s, p := newStore(t), newPlugin(t, "#!run", nil)
		add(t, s, p)
		sc := scopeOf(t, s, t.TempDir())
		doSwitch(t, sc, elsewhere("x"))
		breakIt(t, sc)
		later(s, 2*time.Hour)
		if _, err := s.GC(t.Context(), 0, false); err == nil || !has(s, p) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
