// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

var (
	fine  = Ended{Used: []string{"acme/times"}, OK: true}
	died  = Ended{Used: []string{"acme/times"}, Faults: []Fault{{"acme/times", "it died"}}}
	other = Ended{Used: []string{"acme/times"}, Faults: []Fault{{"acme/other", "it died"}}}
)

// onProbation is a scope with acme/times 2 on probation, and acme/other beside it.
func onProbation(t *testing.T, runs, budget int) *shelf {
	t.Helper()
	return onProbationIn(t, t.TempDir(), runs, budget)
}

func onProbationIn(t *testing.T, dir string, runs, budget int) *shelf {
	t.Helper()
	s := shelfIn(t, dir)
	s.use(s.plugin("acme/times", "1.0.0"), s.plugin("acme/other", "1.0.0"))
	s.watched(runs, budget, s.plugin("acme/times", "2.0.0"))
	return s
}

func TestPromotion(t *testing.T) {
	s := onProbation(t, 2, 0)
	if v := s.run("a", fine); len(v) != 1 || v[0].Left != 1 || v[0].Promoted || v[0].RolledBack {
		t.Errorf("%+v", v)
	}
	if v := s.run("b", fine); len(v) != 1 || !v[0].Promoted {
		t.Errorf("%+v", v)
	}
	if v := s.run("c", died); v != nil {
		t.Errorf("a fault after the promotion: %+v", v)
	}
	if got := s.versions(); got != "acme/other 1.0.0, acme/times 2.0.0" {
		t.Error(got)
	}
	s.tidy()
}

// A promotion is in the audit log before it counts.
func TestAPromotionIsToldFirst(t *testing.T) {
	s := onProbation(t, 1, 0)
	log, err := s.places().log()
	must(t, err)
	died := errors.New("died")
	w, err := beginWatch(t.Context(), record{s.scope, failAt(failForgotten, died)}, "a", []string{"acme/times"}, func() *audit.Log { return log })
	must(t, err)
	if _, err := w.End(t.Context(), fine); !errors.Is(err, died) {
		t.Error(err)
	}
	must(t, log.Close())
	equal(t, "told", s.places().told(t), []string{"promoted: the runs that watched it found nothing"})
	if v := s.run("b", fine); len(v) != 1 || !v[0].Promoted {
		t.Errorf("%+v", v)
	}
}

// tidy wants nothing to be left of watches.
func (s *shelf) tidy() {
	s.t.Helper()
	dir, err := s.scope.Dir()
	must(s.t, err)
	list, err := os.ReadDir(dir)
	must(s.t, err)
	for _, e := range list {
		if e.Name() == probationFile || strings.HasPrefix(e.Name(), runPrefix) {
			s.t.Errorf("%s is left", e.Name())
		}
	}
}

// One failure goes back at once, and only the plugin that was watched.
func TestGoingBack(t *testing.T) {
	s := onProbation(t, 5, 0)
	s.run("a", fine)
	v := s.run("b", died)
	if len(v) != 1 || !v[0].RolledBack || v[0].Generation != 3 || v[0].Reason != "it died" || v[0].Lock != s.scope.Lock() {
		t.Fatalf("%+v", v)
	}
	equal(t, "changes", v[0].Changes, []string{"acme/times 2.0.0 -> 1.0.0"})
	if got := s.versions(); got != "acme/other 1.0.0, acme/times 1.0.0" {
		t.Error(got)
	}
	list, err := s.scope.Generations()
	must(t, err)
	if last := list[len(list)-1]; last.Of != 1 || !last.Current {
		t.Errorf("the generation is %+v", last)
	}
	s.tidy()
}

// What was installed meanwhile stays.
func TestGoingBackKeepsTheRest(t *testing.T) {
	s := onProbation(t, 5, 0)
	s.use(s.plugin("acme/other", "3.0.0"))
	if v := s.run("a", died); len(v) != 1 || !v[0].RolledBack {
		t.Errorf("%+v", v)
	}
	if got := s.versions(); got != "acme/other 3.0.0, acme/times 1.0.0" {
		t.Error(got)
	}
}

// Plugins that came in one switch go back together.
func TestTogether(t *testing.T) {
	s := newShelf(t)
	s.use(s.plugin("acme/times", "1.0.0"), s.plugin("acme/other", "1.0.0"))
	s.watched(3, 0, s.plugin("acme/times", "2.0.0"), s.plugin("acme/other", "2.0.0"))
	if v := s.run("a", other); len(v) != 1 || !v[0].RolledBack {
		t.Errorf("%+v", v)
	}
	if got := s.versions(); got != "acme/other 1.0.0, acme/times 1.0.0" {
		t.Error(got)
	}
}

// What says nothing about the plugin changes nothing.
func TestCountsNeitherWay(t *testing.T) {
	tests := map[string]Ended{
		"a fault of another plugin": other,
		"wrong data":                {Used: []string{"acme/times"}},
		"a run without it":          {OK: true, Used: []string{"acme/other"}},
	}
	for name, e := range tests {
		s := onProbation(t, 2, 0)
		if v := s.run("a", e); len(v) != 1 || v[0].Left != 2 || v[0].RolledBack {
			t.Errorf("%s: %+v", name, v)
		}
	}
	s := onProbation(t, 2, 0)
	w, err := Begin(t.Context(), s.scope, "a", []string{"acme/times"}, nil)
	must(t, err)
	must(t, w.Abandon())
	must(t, w.Abandon())
	if v, err := w.End(t.Context(), died); v != nil || err != nil {
		t.Errorf("the end of an abandoned run: %+v, %v", v, err)
	}
	if v, err := OnProbation(s.scope); err != nil || len(v) != 1 || v[0].Left != 2 || v[0].Reason != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if w, err := Begin(t.Context(), s.scope, "b", []string{"acme/other"}, nil); err != nil || w.held != nil {
		t.Errorf("a run of others is noted: %v", err)
	}
}

func TestBudget(t *testing.T) {
	s := onProbation(t, 5, 2)
	for range 2 {
		if v := s.run("a", died); len(v) != 1 || v[0].RolledBack || v[0].Left != 5 {
			t.Errorf("%+v", v)
		}
	}
	if v := s.run("b", died); len(v) != 1 || !v[0].RolledBack || v[0].Reason != "it died; it died; it died" {
		t.Errorf("%+v", v)
	}
}

// A host that died counts as half a failure; the run that finds two of them has
// the version before.
func TestHostsThatDied(t *testing.T) {
	s := onProbation(t, 5, 0)
	for n, run := range []string{"a", "b"} {
		w, err := Begin(t.Context(), s.scope, run, []string{"acme/times"}, nil)
		must(t, err)
		if v := w.Found(); len(v) > 0 {
			t.Fatalf("after %d deaths: %+v", n, v)
		}
		must(t, w.release()) // as the system does when the process ends
	}
	w, err := Begin(t.Context(), s.scope, "c", []string{"acme/times"}, nil)
	must(t, err)
	if v := w.Found(); len(v) != 1 || !v[0].RolledBack || v[0].Reason != "2 hosts died in runs with it" {
		t.Errorf("%+v", v)
	}
	if got := s.versions(); got != "acme/other 1.0.0, acme/times 1.0.0" {
		t.Error(got)
	}
	if v, err := w.End(t.Context(), died); v != nil || err != nil {
		t.Errorf("the end of a run that went back: %+v, %v", v, err)
	}
	s.tidy()
}

// A host that runs is no dead one, however many begin beside it.
func TestHostsSideBySide(t *testing.T) {
	s := onProbation(t, 100, 0)
	var wg sync.WaitGroup
	for _, run := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		wg.Go(func() {
			w, err := Begin(t.Context(), s.scope, run, []string{"acme/times"}, nil)
			if err != nil || len(w.Found()) > 0 {
				t.Errorf("%s: %+v, %v", run, w.Found(), err)
			}
			time.Sleep(10 * time.Millisecond)
			if _, err := w.End(t.Context(), fine); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if v, err := OnProbation(s.scope); err != nil || len(v) != 1 || v[0].Left != 92 {
		t.Errorf("%+v, %v", v, err)
	}
}

// Of several hosts that fail at once one goes back, and all are told.
func TestGoingBackSideBySide(t *testing.T) {
	s := onProbation(t, 100, 0)
	var wg sync.WaitGroup
	ready := make(chan struct{})
	for _, run := range []string{"a", "b", "c", "d"} {
		w, err := Begin(t.Context(), s.scope, run, []string{"acme/times"}, nil)
		must(t, err)
		wg.Go(func() {
			<-ready
			if _, err := w.End(t.Context(), died); err != nil {
				t.Error(err)
			}
		})
	}
	close(ready)
	wg.Wait()
	list, err := s.scope.Generations()
	must(t, err)
	if len(list) != 3 || s.versions() != "acme/other 1.0.0, acme/times 1.0.0" {
		t.Errorf("%d generations, %s", len(list), s.versions())
	}
	s.tidy()
}

// A probation of a switch that never came is of no effect, and is forgotten.
func TestSwitchThatNeverCame(t *testing.T) {
	s := newShelf(t)
	one, two := s.plugin("acme/times", "1.0.0"), s.plugin("acme/times", "2.0.0")
	s.use(one)
	s.watched(3, 0, two)
	s.use(one)
	if v := s.run("a", died); v != nil {
		t.Errorf("%+v", v)
	}
	now, _, err := s.scope.Current()
	must(t, err)
	list, err := record{scope: s.scope}.read()
	must(t, err)
	if got := tidy(slices.Clone(list), now, time.Now()); len(got) != 1 {
		t.Error("it is forgotten while its switch may be to come")
	}
	if got := tidy(list, now, time.Now().Add(2*forgotten)); len(got) != 0 {
		t.Error("it is never forgotten")
	}
}

func TestPromoteByHand(t *testing.T) {
	s := onProbation(t, 3, 0)
	w, err := Begin(t.Context(), s.scope, "a", []string{"acme/times"}, nil)
	must(t, err)
	must(t, Promote(s.scope))
	if v, err := w.End(t.Context(), died); len(v) > 0 || err != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if s.versions() != "acme/other 1.0.0, acme/times 2.0.0" {
		t.Error(s.versions())
	}
	s.tidy()
}

// A record that cannot be read is an error that says what to do, and nothing goes
// back because of it.
func TestDamagedRecord(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"probations":[null]}`} {
		s := onProbation(t, 3, 0)
		must(t, os.WriteFile(s.scope.File(probationFile), []byte(text), 0o600))
		_, err := Begin(t.Context(), s.scope, "a", []string{"acme/times"}, nil)
		contains(t, err, "remove it")
		if s.versions() != "acme/other 1.0.0, acme/times 2.0.0" {
			t.Error(s.versions())
		}
	}
}

// A version that went from the store meanwhile does not come back; that is told
// with what to do.
func TestVersionBeforeIsGone(t *testing.T) {
	s := onProbation(t, 3, 0)
	must(t, record{scope: s.scope}.change(func(list []*probation, _ *lock.File) ([]*probation, error) {
		list[0].Back = strings.ReplaceAll(list[0].Back, "h1:", "h1:A")[:0]
		return list, nil
	}))
	w, err := Begin(t.Context(), s.scope, "a", []string{"acme/times"}, nil)
	must(t, err)
	_, err = w.End(t.Context(), died)
	contains(t, err, "did not come back", "bulkhead plugin rollback", "it died")
}

// Without a probation a run costs one look, and writes nothing.
func TestNothingOnProbation(t *testing.T) {
	s := newShelf(t)
	w, err := Begin(t.Context(), s.scope, "a", []string{"acme/times"}, func() *audit.Log { t.Error("the log is opened"); return nil })
	if w != nil || err != nil || w.Found() != nil || w.Abandon() != nil {
		t.Errorf("%v, %v", w, err)
	}
	if v, err := w.End(t.Context(), died); v != nil || err != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := os.Stat(s.store.Root()); !os.IsNotExist(err) {
		t.Error("the store was made")
	}
}

// A text of any length is remembered in part.
func TestClip(t *testing.T) {
	if got := clip(strings.Repeat("ä", 10), 5); got != "ää..." {
		t.Errorf("%q", got)
	}
	p := &probation{Budget: 1000}
	for range 2 * maxFailures {
		p.fail(strings.Repeat("x", 2*maxReason))
	}
	if len(p.Failures) != maxFailures || len(p.Failures[0]) > maxReason+3 {
		t.Errorf("%d failures of %d bytes", len(p.Failures), len(p.Failures[0]))
	}
}

// A collection keeps what a probation may go back to, although no generation that
// it keeps names that, and nothing of it once it is over.
func TestCollectionKeepsTheWayBack(t *testing.T) {
	s := onProbation(t, 3, 0)
	old := s.plugin("acme/times", "1.0.0")
	_, h1 := locked(old)
	collect := func() error {
		s.age()
		_, err := s.store.GC(t.Context(), 1, false)
		must(t, err)
		_, err = s.store.Dir(h1)
		return err
	}
	if err := collect(); err != nil {
		t.Errorf("the version to go back to: %v", err)
	}
	if v := s.run("a", died); len(v) != 1 || !v[0].RolledBack {
		t.Errorf("%+v", v)
	}
	s.watched(3, 0, s.plugin("acme/times", "2.0.0"))
	must(t, Promote(s.scope))
	if err := collect(); err == nil {
		t.Error("a version that nobody goes back to is kept")
	}
}

// age makes all entries look as if they were not added within the last hour.
func (s *shelf) age() {
	s.t.Helper()
	long := time.Now().Add(-2 * time.Hour)
	for _, dir := range []string{"locks", "store"} {
		list, err := os.ReadDir(filepath.Join(s.store.Root(), dir))
		must(s.t, err)
		for _, e := range list {
			must(s.t, os.Chtimes(filepath.Join(s.store.Root(), dir, e.Name()), long, long))
		}
	}
}
