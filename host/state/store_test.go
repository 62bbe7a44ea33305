// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// model is a state of a kernel with one coefficient.
func model(t testing.TB, coef float64) []byte {
	t.Helper()
	w := container.New(container.Header{Kernel: "algorithms.ridge", Version: 2, Seed: 7, Metrics: map[string]float64{"rmse": coef / 10}})
	w.Floats("coef", []float64{coef, 2})
	data, err := w.Bytes()
	must(t, err)
	return data
}

func from(run string) Origin {
	return Origin{Pipeline: "churn", Node: "model", Use: "algorithms.ridge", Run: run, Time: noon}
}

func newStore(t testing.TB) *Store {
	s := Open(filepath.Join(t.TempDir(), "states"))
	s.now = func() time.Time { return noon }
	return s
}

func TestPutAndGet(t *testing.T) {
	s, data := newStore(t), model(t, 1)
	e, err := s.Put(data, from("r1"))
	must(t, err)
	want := Entry{Digest: container.DigestOf(data), Bytes: int64(len(data)), Form: Container, Kernel: "algorithms.ridge", Version: 2, Added: noon, Origins: []Origin{from("r1")}}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	for _, ref := range []string{e.Digest, e.Short(), hexOf(e.Digest), e.Digest[:12], hexOf(e.Digest)[:4]} {
		got, entry, err := s.Get(ref)
		if err != nil || !bytes.Equal(got, data) || !cmp.Equal(entry, e) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if info, err := os.Stat(s.path(e.Digest, stateExt)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

func TestEqualStatesShareAFile(t *testing.T) {
	s, data := newStore(t), model(t, 1)
	for range 2 {
		for _, run := range []string{"r1", "r2"} {
			if _, err := s.Put(data, from(run)); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := s.List(Filter{})
	must(t, err)
	if len(list) != 1 || len(list[0].Origins) != 2 || list[0].Last().Run != "r2" {
		t.Errorf("%+v", list)
	}
	for i := range MaxOrigins {
		_, err := s.Put(data, Origin{Run: "r", Node: strings.Repeat("x", i)})
		must(t, err)
	}
	if e, err := s.Find(list[0].Short()); err != nil || len(e.Origins) != MaxOrigins || e.OriginsDropped != 2 {
		t.Errorf("%d origins, %d dropped, %v", len(e.Origins), e.OriginsDropped, err)
	}
}

func TestRefs(t *testing.T) {
	s := newStore(t)
	if list, err := s.List(Filter{}); len(list) != 0 || err != nil {
		t.Error("a store that is not there has states", err)
	}
	e, err := s.Put([]byte("opaque"), from("r1"))
	must(t, err)
	if e.Form != Opaque || e.Kernel != "" {
		t.Errorf("%+v", e)
	}
	for _, ref := range []string{"", "abc", "XYZ123", "sha256:", "../../etc/passwd", hexOf(e.Digest) + "0"} {
		if _, _, err := s.Get(ref); !is[*RefError](err) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, _, err := s.Get("00000000"); !is[*NotFoundError](err) {
		t.Error(err)
	}
	twin := e
	twin.Digest = e.Digest[:len(e.Digest)-1] + string('0'+(e.Digest[len(e.Digest)-1]+1-'0')%8)
	must(t, s.writeEntry(twin))
	if _, _, err := s.Get(e.Short()); !is[*AmbiguousError](err) {
		t.Error(err)
	}
	if _, _, err := s.Get(twin.Digest); !is[*NotFoundError](err) {
		t.Errorf("an entry whose state is gone: %v", err)
	}
}

func is[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

func TestFilters(t *testing.T) {
	s := newStore(t)
	other := Origin{Pipeline: "fraud", Node: "m2", Use: "data.prepare", Run: "r9", Time: noon.Add(time.Hour)}
	for i, o := range []Origin{from("r1"), from("r2"), other} {
		_, err := s.Put(model(t, float64(i)), o)
		must(t, err)
	}
	opaque, err := s.Put([]byte("x"), from("r3"))
	must(t, err)
	for what, tt := range map[string]struct {
		f    Filter
		want int
	}{
		"all":          {Filter{}, 4},
		"pipeline":     {Filter{Pipeline: "churn"}, 3},
		"run":          {Filter{Run: "r2"}, 1},
		"use":          {Filter{Use: "data.prepare"}, 1},
		"node and run": {Filter{Node: "m2", Run: "r1"}, 0},
		"since":        {Filter{Since: noon.Add(time.Minute)}, 1},
		"kernel":       {Filter{Kernel: "algorithms.ridge"}, 3},
		"form":         {Filter{Form: Opaque}, 1},
		"parent":       {Filter{Parent: opaque.Digest}, 0},
	} {
		got, err := s.List(tt.f)
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: %d, %v", what, len(got), err)
		}
	}
	if list, _ := s.List(Filter{}); list[0].Last().Pipeline != "fraud" {
		t.Error("the latest does not come first")
	}
}

func TestDamageIsNoticed(t *testing.T) {
	s, data := newStore(t), model(t, 1)
	e, err := s.Put(data, from("r1"))
	must(t, err)
	bad := bytes.Clone(data)
	bad[len(bad)-1] ^= 1
	must(t, os.WriteFile(s.path(e.Digest, stateExt), bad, 0o600))
	if _, _, err := s.Get(e.Digest); !is[*DigestError](err) {
		t.Error(err)
	}
	_, err = s.Put(data, from("r2"))
	must(t, err)
	if got, _, err := s.Get(e.Digest); err != nil || !bytes.Equal(got, data) {
		t.Error("putting it again does not repair it", err)
	}
	must(t, os.WriteFile(s.path(e.Digest, entryExt), []byte("{}"), 0o600))
	if list, err := s.List(Filter{}); err == nil || len(list) != 0 {
		t.Error("a broken entry goes unnoticed", list)
	}
}

func TestRemove(t *testing.T) {
	s := newStore(t)
	e, err := s.Put(model(t, 1), from("r1"))
	must(t, err)
	if removed, err := s.Remove(e.Short()); err != nil || removed.Digest != e.Digest {
		t.Error(removed, err)
	}
	if _, err := s.Remove(e.Short()); !is[*NotFoundError](err) {
		t.Error(err)
	}
	if left := files(t, s.dir); !slices.Equal(left, []string{lockName}) {
		t.Errorf("left: %v", left)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestSweep(t *testing.T) {
	s := newStore(t)
	put := func(coef float64, o Origin) string {
		e, err := s.Put(model(t, coef), o)
		must(t, err)
		return e.Digest
	}
	kept, gone := put(1, from("r1")), put(2, from("r2"))
	brought := put(3, Origin{Time: noon})
	_ = put(3, from("r2")) // a run made what a user had brought
	fresh := from("r3")
	fresh.Time = noon.Add(time.Hour)
	young := put(4, fresh)
	orphan := strings.Repeat("ab", 32) + stateExt
	for _, name := range []string{orphan, ".new-abandoned", "notes.txt"} {
		must(t, os.WriteFile(filepath.Join(s.dir, name), []byte("1234"), 0o600))
	}
	s.now = func() time.Time { return time.Now().Add(3 * time.Hour) }
	age := s.now().Sub(noon.Add(30 * time.Minute))
	o := SweepOptions{Referenced: map[string]bool{kept: true}, OlderThan: age, DryRun: true}
	for _, dry := range []bool{true, false} {
		o.DryRun = dry
		got, err := s.Sweep(o)
		must(t, err)
		if len(got.Removed) != 1 || got.Removed[0].Digest != gone || got.Kept != 3 || !slices.Equal(got.Leftovers, []string{".new-abandoned", orphan}) || got.Bytes != got.Removed[0].Bytes+8 {
			t.Errorf("dry %v: %+v", dry, got)
		}
	}
	for _, d := range []string{kept, brought, young} {
		if _, _, err := s.Get(d); err != nil {
			t.Error(err)
		}
	}
	if left := files(t, s.dir); len(left) != 3*2+2 || !slices.Contains(left, "notes.txt") {
		t.Errorf("left: %v", left)
	}
	if got, err := Open(filepath.Join(t.TempDir(), "none")).Sweep(SweepOptions{}); err != nil || len(got.Removed) != 0 {
		t.Error(got, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			own := Open(s.dir) // as another host would
			for i := range 10 {
				e, err := own.Put(model(t, float64(i)), Origin{Run: string(rune('a' + w)), Time: noon})
				if err != nil {
					t.Error(err)
					return
				}
				if _, _, err := own.Get(e.Digest); err != nil {
					t.Error(err)
				}
				if w == 0 {
					_, err := own.Sweep(SweepOptions{Referenced: map[string]bool{}, OlderThan: 1 << 62})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	list, err := s.List(Filter{})
	must(t, err)
	for _, e := range list {
		if len(e.Origins) != 8 {
			t.Errorf("%s has %d origins", e.Short(), len(e.Origins))
		}
	}
	if len(list) != 10 {
		t.Errorf("%d states", len(list))
	}
}

func TestDefaultDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(DirVariable, dir)
	if got, err := DefaultDir(); got != dir || err != nil {
		t.Error(got, err)
	}
	if Open(dir).Dir() != dir {
		t.Error("dir")
	}
}
