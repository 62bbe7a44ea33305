// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "store")
	s := opened(t, dir, Options{})
	if err := check(s, "a"); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	}
	must(t, put(s, "a", 10))
	must(t, put(s, "b", 0))
	for _, s := range []*Store{s, opened(t, dir, Options{})} {
		must(t, check(s, "a"))
		must(t, check(s, "b"))
	}
	wantFiles(t, dir, 2)
}

func TestInfo(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	must(t, put(s, "a", 10))
	a, err := s.Get(keyOf("a"))
	must(t, err)
	defer a.Close()
	table, err := a.Table()
	must(t, err)
	info := a.Info()
	if info.Pipeline != "p" || info.Node != "n" || info.Use != "data.prepare" || len(info.Ingredients) != 2 || a.Key() != keyOf("a") {
		t.Errorf("info %+v", info)
	}
	if want := table.Summary().Bytes + int64(len(stateOf("a"))); info.Rows != 20 || info.Bytes != want || time.Since(info.CreatedAt) > time.Minute {
		t.Errorf("%d rows, %d bytes of %d, at %s", info.Rows, info.Bytes, want, info.CreatedAt)
	}
}

// TestWithoutParts keeps an outcome that is nothing but its info.
func TestWithoutParts(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	d, err := s.Create(KeyOf(nil))
	must(t, err)
	made := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	must(t, d.Commit(Info{Rows: 7, CreatedAt: made}))
	a, err := s.Get(KeyOf(nil))
	must(t, err)
	defer a.Close()
	state, err1 := a.State()
	table, err2 := a.Table()
	if state != nil || table != nil || err1 != nil || err2 != nil {
		t.Errorf("state %v, table %v, errors %v, %v", state, table, err1, err2)
	}
	if i := a.Info(); i.Rows != 7 || i.Bytes != 0 || !i.CreatedAt.Equal(made) || i.Outcome != nil {
		t.Errorf("info %+v", i)
	}
}

func TestEmptyStateIsAState(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	d, err := s.Create(KeyOf(nil))
	must(t, err)
	must(t, d.State(nil))
	must(t, d.Commit(Info{}))
	a, err := s.Get(KeyOf(nil))
	must(t, err)
	defer a.Close()
	if state, err := a.State(); state == nil || len(state) != 0 || err != nil {
		t.Errorf("state %v, %v", state, err)
	}
}

// TestTheFirstStays commits two drafts of one key.
func TestTheFirstStays(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	var drafts []*Draft
	for _, text := range []string{"first", "second"} {
		d, err := s.Create(KeyOf(nil))
		must(t, err)
		must(t, d.State([]byte(text)))
		drafts = append(drafts, d)
	}
	for _, d := range drafts {
		must(t, d.Commit(Info{}))
	}
	a, err := s.Get(KeyOf(nil))
	must(t, err)
	defer a.Close()
	if state, err := a.State(); string(state) != "first" || err != nil {
		t.Errorf("state %q, %v", state, err)
	}
	if got := filesIn(t, dir); len(got) != 2 {
		t.Errorf("files %v", got)
	}
}

// TestWritersAreReadAfterTheEnd reads a table from its writer while the draft
// is made, after its commit and after an abort.
func TestWritersAreReadAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(*Draft) error{
		"commit": func(d *Draft) error { return d.Commit(Info{}) },
		"abort":  func(d *Draft) error { d.Abort(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, t.TempDir(), Options{})
			d, err := s.Create(KeyOf(nil))
			must(t, err)
			w, err := d.Table(schema)
			must(t, err)
			must(t, w.Append(batchOf("x", 3)))
			for _, step := range []func(*Draft) error{func(*Draft) error { return nil }, end} {
				must(t, step(d))
				batch, err := w.Batch(0)
				must(t, err)
				if batch.NumRows() != 3 {
					t.Errorf("%d rows", batch.NumRows())
				}
				batch.Release()
			}
			d.Close()
			if _, err := w.Batch(0); err == nil {
				t.Error("a batch is read after Close")
			}
		})
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	d, err := s.Create(keyOf("a"))
	must(t, err)
	must(t, d.State([]byte("x")))
	w, err := d.Table(schema)
	must(t, err)
	must(t, w.Append(batchOf("x", 3)))
	d.Abort()
	d.Abort()
	wantFiles(t, dir, 0)
	if err := check(s, "a"); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	}
	_, err = d.Table(schema)
	for _, err := range []error{err, d.State(nil), d.Commit(Info{})} {
		if !errors.Is(err, errDone) {
			t.Errorf("error %v", err)
		}
	}
}

// TestRefusals are mistakes of the caller: the draft goes with a failed commit.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	d, err := s.Create(keyOf("a"))
	must(t, err)
	must(t, d.State(nil))
	if err := d.State(nil); err == nil {
		t.Error("a second state")
	}
	_, err = d.Table(schema)
	must(t, err)
	if _, err := d.Table(schema); err == nil {
		t.Error("a second table")
	}
	err = d.Commit(Info{Ingredients: named("b")})
	if e, ok := errors.AsType[*Error](err); !ok || e.Dir != dir || !strings.Contains(err.Error(), "do not make the key") {
		t.Errorf("error %v", err)
	}
	d, err = s.Create(KeyOf(nil))
	must(t, err)
	if err := d.Commit(Info{Outcome: []byte("{")}); err == nil {
		t.Error("an outcome that is not JSON")
	}
	wantFiles(t, dir, 0)
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	must(t, put(s, "a", 1))
	a, err := s.Get(keyOf("a"))
	must(t, err)
	if err := s.Remove(keyOf("a")); !errors.Is(err, ErrPinned) {
		t.Errorf("error %v", err)
	}
	a.Close()
	a.Close()
	if _, err := a.Table(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v", err)
	}
	must(t, s.Remove(keyOf("a")))
	wantFiles(t, dir, 0)
	if err := s.Remove(keyOf("a")); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	shared := filepath.Join(dir, "shared")
	must(t, os.MkdirAll(shared, 0o700))
	must(t, os.Chmod(shared, 0o777))
	linked := filepath.Join(dir, "linked")
	must(t, os.MkdirAll(linked, 0o700))
	must(t, os.Symlink(dir, filepath.Join(linked, entriesDir)))
	for name, c := range map[string]struct {
		dir string
		o   Options
	}{
		"a file":          {dir: file},
		"others write":    {dir: shared},
		"a link":          {dir: linked},
		"negative size":   {dir: dir, o: Options{MaxBytes: -1}},
		"negative time":   {dir: dir, o: Options{TTL: -1}},
		"below a file":    {dir: filepath.Join(file, "x")},
		"an invalid name": {dir: "a\x00b"},
	} {
		if name == "others write" && runtime.GOOS == "windows" {
			continue
		}
		if _, err := Open(c.dir, c.o); err == nil || !strings.Contains(err.Error(), "store in ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestList gives what was used last first, and says what is damaged.
func TestList(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	for i, name := range []string{"a", "b", "c"} {
		must(t, put(s, name, 1))
		used(t, s, name, time.Duration(3-i)*time.Hour)
	}
	must(t, check(s, "a"))
	must(t, os.Remove(dataOf(t, s, "c", stateSuffix)))
	var got []string
	for _, e := range s.List() {
		got = append(got, e.Info.Ingredients[1].Value)
		if (e.Damage != "") != (e.Info.Ingredients[1].Value == "c") || e.Bytes <= e.Info.Bytes {
			t.Errorf("entry %+v", e)
		}
	}
	if strings.Join(got, " ") != "a c b" {
		t.Errorf("list %v", got)
	}
}

// TestListsOfALostDirectory are empty.
func TestListsOfALostDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := opened(t, dir, Options{MaxBytes: 1 << 30})
	must(t, put(s, "a", 1))
	must(t, os.RemoveAll(dir))
	if got := s.List(); len(got) != 0 {
		t.Errorf("list %v", got)
	}
	if err := check(s, "a"); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Sweep(time.Now()); err == nil {
		t.Error("what is not there is swept")
	}
	if err := put(s, "a", 1); err == nil {
		t.Error("what is not there is written to")
	}
}

// used sets the time since the last use of an artifact.
func used(t *testing.T, s *Store, name string, ago time.Duration) {
	t.Helper()
	then := time.Now().Add(-ago)
	must(t, s.root.Chtimes(entryName(keyOf(name)), then, then))
}

// dataOf is the path of a data file of an artifact.
func dataOf(t *testing.T, s *Store, name, suffix string) string {
	t.Helper()
	m, err := s.load(keyOf(name))
	must(t, err)
	return filepath.Join(s.Dir(), dataDir, m.ID+suffix)
}
