// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestARunFromBeginToEnd(t *testing.T) {
	s := newStore(t)
	planned := full()
	planned.ID = ""
	for i := range planned.Nodes {
		planned.Nodes[i] = Node{Name: planned.Nodes[i].Name, Kind: planned.Nodes[i].Kind, Status: Pending}
	}
	run, err := s.Begin(planned)
	must(t, err)
	r, err := s.Get(run.ID())
	must(t, err)
	if r.Status != Running || len(r.Nodes) != 3 || r.Nodes[2].Status != Pending || r.Host.PID != 7 || !isID(r.ID) {
		t.Errorf("%+v", r)
	}
	must(t, run.Node(Node{Name: "clean", Kind: "kernel", Status: Running}))
	must(t, run.Edit(func(r *Record) { r.Sources[0].Rows, r.ID, r.Status = 7, "other", OK }))
	if r, err = s.Get(run.ID()[:5]); err != nil || r.Nodes[1].Status != Running || r.Sources[0].Rows != 7 || r.Status != Running {
		t.Errorf("%+v, %v", r, err)
	}
	want := full()
	for _, n := range want.Nodes {
		must(t, run.Node(n))
	}
	must(t, run.End(Partial, want.Reason, func(r *Record) { r.Sources, r.LostLines = want.Sources, 0 }))
	got, err := s.Get(run.ID())
	must(t, err)
	want.ID, want.LostLines = run.ID(), 0
	if got.Wall <= 0 || got.EndedAt.IsZero() {
		t.Error("it took no time")
	}
	got.Wall, got.EndedAt = want.Wall, want.EndedAt
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	for what, err := range map[string]error{"node": run.Node(Node{}), "edit": run.Edit(nil), "end": run.End(OK, "")} {
		if !errors.Is(err, ErrEnded) {
			t.Errorf("%s after the end: %v", what, err)
		}
	}
}

func TestRefs(t *testing.T) {
	s := newStore(t)
	if list, err := s.List(Filter{}); len(list) != 0 || err != nil {
		t.Error(list, err)
	}
	a := ended(t, s, Record{ID: "aaaa000000000000", Pipeline: "p"}, OK)
	ended(t, s, Record{ID: "aaaa100000000000", Pipeline: "p"}, OK)
	if r, err := s.Get("aaaa0"); err != nil || r.ID != a || r.Short() != "aaaa0000" {
		t.Error(r, err)
	}
	if _, err := s.Get("aaaa"); !is[*AmbiguousError](err) {
		t.Error(err)
	}
	if _, err := s.Get("b"); !is[*NotFoundError](err) {
		t.Error(err)
	}
	for _, ref := range []string{"", "../x", "AAAA", strings.Repeat("a", 17)} {
		if _, err := s.Get(ref); !is[*RefError](err) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, err := s.Begin(Record{ID: "../escape", Pipeline: "p"}); !is[*RefError](err) {
		t.Error(err)
	}
	if _, err := s.Begin(Record{ID: a, Pipeline: "p"}); err == nil {
		t.Error("an id is given twice")
	}
	if r, err := s.Get(a); err != nil || r.Status != OK {
		t.Error("the run that was there is gone", err)
	}
}

func TestFilters(t *testing.T) {
	s := newStore(t)
	for i, p := range []string{"churn", "fraud", "churn"} {
		status := OK
		if i == 2 {
			status = Failed
		}
		ended(t, s, Record{Pipeline: p, StartedAt: noon.Add(time.Duration(i) * time.Hour), Nodes: []Node{{Name: "a", State: sha(fmt.Sprint(i))}}}, status)
	}
	for what, tt := range map[string]struct {
		f    Filter
		want int
	}{
		"all": {Filter{}, 3}, "pipeline": {Filter{Pipeline: "churn"}, 2}, "status": {Filter{Status: Failed}, 1},
		"since": {Filter{Since: noon.Add(time.Hour)}, 2}, "limit": {Filter{Limit: 2}, 2}, "none": {Filter{Pipeline: "x"}, 0},
	} {
		got, err := s.List(tt.f)
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: %d, %v", what, len(got), err)
		}
	}
	list, _ := s.List(Filter{Limit: 1})
	if !list[0].StartedAt.Equal(noon.Add(2*time.Hour)) || len(list[0].Nodes) != 0 {
		t.Errorf("%+v", list[0])
	}
	states, err := s.States()
	if want := map[string]bool{sha("0"): true, sha("1"): true, sha("2"): true}; err != nil || !cmp.Equal(states, want) {
		t.Error(states, err)
	}
}

func TestRetention(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "runs"), Options{Keep: 3})
	live, err := s.Begin(Record{Pipeline: "long"})
	must(t, err)
	must(t, os.Chtimes(filepath.Join(s.dir, live.ID(), liveName), noon, noon.Add(-time.Hour)))
	var ids []string
	for i := range 6 {
		id := ended(t, s, Record{Pipeline: "p"}, OK)
		ids = append(ids, id)
		old := noon.Add(time.Duration(i) * time.Minute) // as if they had begun then
		must(t, os.Chtimes(filepath.Join(s.dir, id, liveName), old, old))
	}
	_, err = s.Prune()
	must(t, err)
	list, err := s.List(Filter{})
	must(t, err)
	var kept []string
	for _, r := range list {
		kept = append(kept, r.ID)
	}
	slices.Sort(kept)
	want := append([]string{live.ID()}, ids[3:]...)
	slices.Sort(want)
	if !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	must(t, live.End(OK, ""))
	if removed, err := s.Prune(); err != nil || !slices.Equal(removed, []string{live.ID()}) {
		t.Error(removed, err)
	}
}

func TestRemove(t *testing.T) {
	s := newStore(t)
	run, err := s.Begin(Record{Pipeline: "p"})
	must(t, err)
	if _, err := s.Remove(run.ID()); !is[*RunningError](err) {
		t.Error(err)
	}
	must(t, run.End(OK, ""))
	if r, err := s.Remove(run.ID()[:6]); err != nil || r.ID != run.ID() {
		t.Error(r, err)
	}
	if _, err := s.Remove(run.ID()); !is[*NotFoundError](err) {
		t.Error(err)
	}
}

func TestLeftoversGo(t *testing.T) {
	s := newStore(t)
	id := ended(t, s, Record{Pipeline: "p"}, OK)
	for _, name := range []string{".gone-1111111111111111", "2222222222222222", "notes"} {
		must(t, os.Mkdir(filepath.Join(s.dir, name), 0o700))
	}
	old := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(filepath.Join(s.dir, "2222222222222222"), old, old))
	must(t, os.Mkdir(filepath.Join(s.dir, "3333333333333333"), 0o700)) // being begun
	_, err := s.Prune()
	must(t, err)
	want := []string{"3333333333333333", id, lockName, "notes"}
	slices.Sort(want)
	if got := names(t, s.dir); !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
	if list, err := s.List(Filter{}); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if _, err := s.Get("33333333"); !is[*NotFoundError](err) {
		t.Error(err)
	}
}

func TestDamageIsTold(t *testing.T) {
	s := newStore(t)
	id := ended(t, s, Record{Pipeline: "p", Nodes: []Node{{Name: "a"}, {Name: "b"}}}, OK)
	file := filepath.Join(s.dir, id, nodesName)
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, append(append([]byte("{broken}\n\x00\x00\n"), data...), `{"name":"c"`...), 0o600))
	if r, err := s.Get(id); err != nil || r.LostLines != 3 || len(r.Nodes) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	must(t, os.WriteFile(filepath.Join(s.dir, id, recordName), []byte(`{"id":"1"}`), 0o600))
	if _, err := s.Get(id); err == nil {
		t.Error("the record of another run is read")
	}
	if list, err := s.List(Filter{}); err == nil || len(list) != 0 {
		t.Error(list, err)
	}
	if _, err := s.Prune(); err != nil {
		t.Error(err)
	}
}

// TestManyRunsAtOnce has hosts begin, write, read and prune in one store.
func TestManyRunsAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			s := Open(dir, Options{Keep: 1000})
			for range 10 {
				run, err := s.Begin(Record{Pipeline: fmt.Sprint("p", w), Nodes: []Node{{Name: "a", Status: Pending}}})
				if err != nil {
					t.Error(err)
					return
				}
				var inner sync.WaitGroup
				for i := range 4 {
					inner.Go(func() { _ = run.Node(Node{Name: fmt.Sprint("n", i), Status: OK}) })
				}
				inner.Wait()
				if err := run.End(OK, ""); err != nil {
					t.Error(err)
				}
				if r, err := s.Get(run.ID()); err != nil || len(r.Nodes) != 5 || r.LostLines != 0 || r.Status != OK {
					t.Errorf("%+v, %v", r, err)
				}
			}
		})
	}
	wg.Wait()
	if list, err := Open(dir, Options{}).List(Filter{Status: OK}); err != nil || len(list) != 80 {
		t.Error(len(list), err)
	}
}

func TestDefaultDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(DirVariable, dir)
	if got, err := DefaultDir(); got != dir || err != nil || Open(dir, Options{}).Dir() != dir {
		t.Error(got, err)
	}
}
